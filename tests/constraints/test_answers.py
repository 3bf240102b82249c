"""Typed answers of the embedded model, and of random weights that want to say something else."""

from __future__ import annotations

import datetime
import json
import math
from typing import Annotated

import pytest
from PIL import Image
from pydantic import AfterValidator, BaseModel

from smolvlm_tools import BadOptions, BadPrompt, SmolVLM
from smolvlm_tools.constraints import choices, integer, lines
from tests.support.answer_types import COLOURS, Scene, Shape
from tests.support.cpus import SAME

SHAPES = "examples/images/shapes.png"


def _refuse(value: int) -> int:
    raise ValueError("never good enough")


class Picky(BaseModel):
    count: Annotated[int, AfterValidator(_refuse)]


@pytest.fixture(scope="module")
def vlm(embedded: str):
    with SmolVLM.load(embedded) as engine:
        yield engine


def question(text: str, image: object = SHAPES) -> list[dict[str, object]]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def test_the_value_is_of_the_type_that_was_asked_for(vlm):
    assert vlm.ask(SHAPES, "Is there a red circle?", answer=bool).value is True
    assert vlm.ask(SHAPES, "Is there a yellow star?", answer=bool).value is False
    assert vlm.ask(SHAPES, "How many shapes are there?", answer=int).value == 3
    count = vlm.ask(SHAPES, "How many shapes are there?", answer=float).value
    assert count == 3.0 and isinstance(count, float)
    assert vlm.ask(SHAPES, "What color is the circle?", answer=COLOURS).value == "red"
    assert isinstance(vlm.ask(SHAPES, "When?", answer=datetime.date).value, datetime.date)
    found = vlm.ask(SHAPES, "What do you see?", answer=list[str], max_new_tokens=40)
    assert found.value == found.text.split("\n")
    assert vlm.ask(SHAPES, "What color is the circle?", answer=str).value == "red"


def test_free_text_has_no_value(vlm):
    result = vlm.ask(SHAPES, "What color is the circle?")
    assert (result.text, result.value, result.abstained) == ("red", None, False)
    assert result.probabilities is None and result.field_confidence is None


def test_the_options_have_probabilities_that_sum_to_one(vlm):
    result = vlm.ask(SHAPES, "What color is the circle?", answer=COLOURS)
    assert set(result.probabilities) == {"red", "green", "blue", "yellow"}
    assert sum(result.probabilities.values()) == pytest.approx(1)
    assert result.confidence == max(result.probabilities.values())
    assert result.probabilities["red"] == result.confidence


def test_a_dict_gives_plain_data_and_a_class_an_instance(vlm):
    made = vlm.extract(SHAPES, Scene, max_new_tokens=80)
    assert isinstance(made.value, Scene)
    plain = vlm.extract(SHAPES, Scene.model_json_schema(), max_new_tokens=80)
    assert plain.value == made.value.model_dump()
    assert json.loads(plain.text) == plain.value
    assert set(plain.field_confidence) == {"/main/color", "/main/count", "/title"}
    assert all(0 <= share <= 1 for share in plain.field_confidence.values())
    assert made.model_dump(mode="json")["value"] == plain.value


def test_a_schema_that_is_none_is_refused(vlm):
    for schema in (7, "Scene", [Scene], None, int):
        with pytest.raises(BadOptions, match="JSON-schema dict or a pydantic"):
            vlm.extract(SHAPES, schema)


def test_the_context_and_the_fields_are_in_the_prompt(vlm):
    bare = vlm.ask(SHAPES, "How many?", max_new_tokens=1).usage.prompt_tokens
    told = vlm.ask(SHAPES, "How many?", context="A toy.", max_new_tokens=1).usage.prompt_tokens
    assert told > bare
    with pytest.raises(BadPrompt, match="context is empty"):
        vlm.describe(SHAPES, context=" ")


def test_several_images_are_one_request(vlm):
    one = vlm.describe(SHAPES, max_new_tokens=4).usage.tiles
    for task in (vlm.describe, vlm.transcribe):
        assert task([SHAPES, SHAPES], max_new_tokens=4).usage.tiles == 2 * one
    assert vlm.ask((SHAPES, SHAPES), "Same?", answer=bool).usage.tiles == 2 * one
    assert vlm.extract([SHAPES, SHAPES], Shape, max_new_tokens=30).usage.tiles == 2 * one
    assert vlm.plan([SHAPES, SHAPES]).tiles == 2 * one
    with pytest.raises(BadPrompt, match="no image"):
        vlm.describe([])


def test_details_and_layouts_are_wordings(vlm):
    tokens = {
        detail: vlm.describe(SHAPES, detail=detail, max_new_tokens=2).usage.prompt_tokens
        for detail in ("brief", "normal", "detailed")
    }
    assert len(set(tokens.values())) == 3
    found = vlm.transcribe(SHAPES, layout="lines", max_new_tokens=20)
    assert found.value == found.text.split("\n")
    assert vlm.transcribe(SHAPES, layout="markdown", max_new_tokens=4).value is None
    with pytest.raises(BadOptions, match="brief, normal, detailed"):
        vlm.describe(SHAPES, detail="long")
    with pytest.raises(BadOptions, match="plain, lines, markdown"):
        vlm.transcribe(SHAPES, layout="html")


def test_below_the_least_confidence_the_value_is_held_back(vlm):
    sure = vlm.ask(SHAPES, "How many shapes are there?", answer=int)
    asked = {"answer": int, "min_confidence": (sure.confidence + 1) / 2}
    held = vlm.ask(SHAPES, "How many shapes are there?", **asked)
    assert (held.value, held.abstained, held.text) == (None, True, "3")
    asked["min_confidence"] = sure.confidence - 0.01
    assert vlm.ask(SHAPES, "How many shapes are there?", **asked).value == 3
    assert vlm.describe(SHAPES, min_confidence=1.0).abstained
    for share in (-0.1, 1.1, "high", True, math.nan):
        with pytest.raises(BadOptions, match="min_confidence"):
            vlm.describe(SHAPES, min_confidence=share)


def test_a_value_that_its_model_refuses_is_held_back(vlm):
    result = vlm.extract(SHAPES, Picky, max_new_tokens=30)
    assert result.abstained and result.value is None
    assert "rejected" in result.flags
    assert isinstance(json.loads(result.text)["count"], int)


def test_a_blank_page_is_not_invented(vlm):
    page = Image.new("RGB", (300, 400), "white")
    for layout in ("plain", "markdown", "lines"):
        result = vlm.transcribe(page, layout=layout)
        assert (result.text, result.flags, result.confidence) == ("", ("blank_image",), 1.0)
        assert result.value == ([] if layout == "lines" else None)
        assert result.usage.completion_tokens == 0
    assert "blank_image" in vlm.describe(page, max_new_tokens=4).flags
    assert "blank_image" in vlm.ask(page, "Is there a circle?", answer=bool).flags
    assert vlm.transcribe([page, SHAPES], max_new_tokens=4).usage.completion_tokens > 0


def test_a_cut_answer_is_completed_on_request_and_says_so(vlm):
    complete = {"on_incomplete": "complete"}
    for limit in range(1, 12):
        result = vlm.extract(SHAPES, Scene, max_new_tokens=limit, **complete)
        assert isinstance(result.value, Scene) and not result.abstained
        assert result.finish_reason == "length" and result.flags == ("truncated", "completed")
        assert result.usage.completion_tokens == limit
        assert 0.0 in result.field_confidence.values(), "a value nobody said has no confidence"
        assert result.confidence == 0.0
    day = vlm.ask(SHAPES, "When?", answer=datetime.date, max_new_tokens=3, **complete)
    assert isinstance(day.value, datetime.date) and day.confidence == 0.0
    long = choices(["a very long option that takes many tokens", "another of that kind"])
    chosen = vlm.ask(SHAPES, "Which?", answer=long, max_new_tokens=2)
    assert chosen.value == chosen.text and "truncated" in chosen.flags
    assert chosen.usage.completion_tokens == 2


def test_what_a_grammar_forces_is_read_in_one_go(vlm, monkeypatch):
    backend = vlm._pipeline.backend
    steps = []
    step = backend.step
    monkeypatch.setattr(backend, "step", lambda *given: steps.append(1) or step(*given))
    result = vlm.extract(SHAPES, Scene, max_new_tokens=80, logprobs=True)
    forced = [token for token in result.tokens if token.logprob == 0.0]
    assert len(forced) > len(result.tokens) / 2
    assert len(steps) < len(result.tokens) - len(forced) / 2


def test_a_stream_joins_to_the_text_of_the_answer(vlm):
    for answer in (int, bool, COLOURS, Scene, list[str]):
        for limit in (1, 3, 60):
            options = {"answer": answer, "max_new_tokens": limit}
            chunks = list(vlm.stream(question("What color is the circle?"), **options))
            result = chunks[-1].result
            assert "".join(chunk.text for chunk in chunks) == result.text
            assert len(chunks) == result.usage.completion_tokens
            again = vlm.generate(question("What color is the circle?"), **options)
            assert (again.text, again.value) == (result.text, result.value)


def test_a_batch_of_mixed_types_is_the_same_as_one_by_one(vlm):
    asked = [
        ("How many shapes are there?", int),
        ("Is there a red circle?", bool),
        ("What color is the circle?", COLOURS),
        ("What color is the circle?", None),
        ("Fill in.", Scene),
        ("List them.", list[str]),
    ]
    each = [{"answer": answer, "max_new_tokens": 40} for _, answer in asked]
    together = vlm.batch([question(text) for text, _ in asked], each=each)
    for (text, _), options, found in zip(asked, each, together, strict=True):
        alone = vlm.generate(question(text), **options)
        assert (found.text, found.value) == (alone.text, alone.value)
        assert found.confidence == pytest.approx(alone.confidence, abs=SAME)


def test_an_answer_can_be_sampled_and_stays_of_its_type(vlm):
    seen = {
        vlm.ask(SHAPES, "How many?", answer=integer(0, 99), temperature=5.0, seed=seed).value
        for seed in range(8)
    }
    assert len(seen) > 1 and all(0 <= value <= 99 for value in seen)


def test_what_could_cut_an_answer_cannot_be_combined_with_it(vlm):
    with pytest.raises(BadOptions, match="stop"):
        vlm.ask(SHAPES, "How many?", answer=int, stop="3")
    with pytest.raises(BadOptions, match="ignore_eos"):
        vlm.ask(SHAPES, "How many?", answer=int, ignore_eos=True)


def test_tokens_of_a_typed_answer_are_reported_on_request(vlm):
    result = vlm.ask(SHAPES, "How many shapes are there?", answer=int, logprobs=True)
    assert "".join(token.text for token in result.tokens[:-1]).strip() == "3"
    total = sum(token.logprob for token in result.tokens)
    assert math.exp(total) == pytest.approx(result.confidence)


def test_progress_is_told_by_stage_and_by_count(vlm):
    seen = []
    result = vlm.ask(
        SHAPES, "What do you see now?", answer=list[str], max_new_tokens=9, on_progress=seen.append
    )
    stages = [told.stage for told in seen]
    assert list(dict.fromkeys(stages)) == ["preprocess", "vision", "prefill", "decode"]
    decoded = [(told.done, told.total) for told in seen if told.stage == "decode"]
    assert decoded == [(n, 9) for n in range(1, result.usage.completion_tokens + 1)]
    tiles = [told for told in seen if told.stage == "vision"]
    assert tiles[-1].done == tiles[-1].total == result.usage.tiles
    with pytest.raises(BadOptions, match="on_progress"):
        vlm.describe(SHAPES, on_progress="print")


async def _ask_in_a_loop(vlm):
    return (
        await vlm.aask(SHAPES, "How many shapes are there?", answer=int),
        await vlm.aextract(SHAPES, Shape, max_new_tokens=40),
        await vlm.adescribe(SHAPES, detail="brief", max_new_tokens=3),
        await vlm.atranscribe(SHAPES, layout="lines", max_new_tokens=9),
    )


def test_the_twins_for_event_loops_give_the_same(vlm):
    import asyncio

    count, shape, brief, read = asyncio.run(_ask_in_a_loop(vlm))
    assert count.value == 3 and isinstance(shape.value, Shape)
    assert brief.usage.completion_tokens == 3 and isinstance(read.value, list)


def test_options_need_room_in_the_context(embedded):
    with SmolVLM.load(embedded) as vlm:
        long = choices(["x" * 9000, "y"])
        with pytest.raises(BadPrompt, match="context"):
            vlm.ask(SHAPES, "Which?", answer=long)


def test_the_bytes_of_the_grammars_are_in_the_prediction(embedded):
    with SmolVLM.load(embedded) as vlm:
        compiler = vlm._pipeline.constraints
        assert compiler.nbytes == 0
        vlm.ask(SHAPES, "Is there a circle?", answer=bool)
        assert compiler.nbytes == 0, "options need no grammar"
        vlm.ask(SHAPES, "What?", answer=lines(), max_new_tokens=2)
        assert compiler.nbytes > 8 << 20
