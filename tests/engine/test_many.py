"""Many questions about one image are answered on one look, as each would be alone."""

from __future__ import annotations

import asyncio
import datetime
import threading
from io import BytesIO
from typing import Literal

import pytest
from PIL import Image

from smolvlm_tools import (
    Ask,
    BadOptions,
    BadPrompt,
    CacheLimits,
    Cancelled,
    ImageNotFound,
    IncompleteAnswer,
    Progress,
    SchemaNotSupported,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.images import load
from tests.support.cpus import SAME
from tests.support.gated import GatedBackend, check_cancelling_frees_the_engine
from tests.support.paths import RECEIPT, SHAPES
from tests.support.requests import Countdown, asking

QUESTIONS = {
    "color": "What color is the circle?",
    "count": Ask("How many shapes are there?", int),
    "red": Ask("Is there a red circle?", bool),
    "green": Ask("Is there a green star?", bool, context="A drawing of shapes."),
    "shape": Ask("What shape is red?", Literal["circle", "square", "triangle"]),
    "day": Ask("What day is printed there?", datetime.date),
    "unsure": Ask("Is the square large?", bool, min_confidence=1.0),
    "words": Ask("What is this?", max_new_tokens=3),
    "fields": Ask("What is drawn?", {"type": "object", "properties": {"a": {"type": "integer"}}}),
    "lines": Ask("Name the colors.", list[str], max_new_tokens=8),
}
BACKENDS = ["onnx", "torch", "openvino"]


@pytest.fixture(scope="module", params=BACKENDS)
def load_engine(request, embedded):
    if request.param == "openvino":
        pytest.importorskip("openvino")

    def load(**options) -> SmolVLM:
        return SmolVLM.load(embedded, backend=request.param, **options)

    return load


@pytest.fixture(scope="module")
def alone(load_engine):
    """Each question asked alone, nothing kept."""
    with load_engine(cache=False) as vlm:
        return {name: ask_alone(vlm, question) for name, question in QUESTIONS.items()}


def ask_alone(vlm: SmolVLM, question: Ask | str):
    asked = question if isinstance(question, Ask) else Ask(question)
    return vlm.ask(SHAPES, asked.question, context=asked.context, **asked.options)


def check_same(results, alone):
    assert list(results) == list(QUESTIONS)
    for name, result in results.items():
        same = {"text", "value", "abstained", "finish_reason", "flags", "image_sha256"}
        assert result.model_dump(include=same) == alone[name].model_dump(include=same)
        assert result.confidence == pytest.approx(alone[name].confidence, abs=SAME)
        assert result.probabilities == pytest.approx(alone[name].probabilities, abs=SAME)


def check_one_look(results):
    """The tiles are encoded once, and image tokens are read once."""
    tiles = {result.usage.tiles for result in results.values()}
    encoded = [result.usage.tiles - result.usage.cached_tiles for result in results.values()]
    assert sorted(encoded) == [0] * (len(results) - 1) + sorted(tiles)
    read = [result.usage.prompt_tokens - result.usage.cached_tokens for result in results.values()]
    assert sum(count > 40 for count in read) == 1


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize(
    "cache",
    [True, False, CacheLimits(vision_bytes=0, kv_bytes=100_000)],
    ids=["cached", "nothing kept", "cache too small"],
)
def test_each_answer_is_that_of_its_question_alone_on_one_look(
    load_engine, alone, cache, batch_size
):
    with load_engine(cache=cache, batch_size=batch_size, max_queue=4) as vlm:
        results = vlm.ask_many(SHAPES, QUESTIONS)
        check_same(results, alone)
        check_one_look(results)
        assert vlm._pipeline.caches.look_bytes == 0


def test_other_requests_in_between_take_nothing_away(load_engine, alone):
    between = [asking(RECEIPT, f"What is on line {number}?") for number in range(12)]

    async def main(vlm):
        asked = vlm.aask_many(SHAPES, QUESTIONS)
        return await asyncio.gather(asked, vlm.abatch(between, max_new_tokens=4))

    # One request of each waits at a time, so the two take turns.
    crowded = CacheLimits(vision_bytes=130_000, kv_bytes=400_000)  # one picture at most
    with load_engine(cache=crowded, batch_size=2, max_queue=1) as vlm:
        results, others = asyncio.run(main(vlm))
    check_same(results, alone)
    check_one_look(results)
    assert len(others) == len(between)


def test_several_images_are_one_look_too(embedded):
    with SmolVLM.load(embedded, cache=False) as vlm:
        question = "Which one is larger?"
        results = vlm.ask_many([SHAPES, RECEIPT], {"a": question, "b": Ask("Are both red?", bool)})
        assert results["a"].text == vlm.ask([SHAPES, RECEIPT], question).text
        assert len(results["b"].image_sha256) == 2
        check_one_look(results)


@pytest.mark.parametrize("cache", [True, False])
def test_an_image_is_read_and_decoded_once(embedded, monkeypatch, cache):
    decoded = []
    real = load.decode_image

    def count(encoded, *arguments, **options):
        decoded.append(encoded)
        return real(encoded, *arguments, **options)

    monkeypatch.setattr(load, "decode_image", count)
    once = BytesIO(SHAPES.read_bytes())  # at its end after the first reader
    with SmolVLM.load(embedded, cache=cache, batch_size=2) as vlm:
        results = vlm.ask_many(once, QUESTIONS)
    assert len({result.image_sha256 for result in results.values()}) == 1
    assert len(decoded) == 1


def test_a_picture_in_memory_is_one_look_too(embedded):
    with SmolVLM.load(embedded, cache=False) as vlm, Image.open(SHAPES) as picture:
        check_one_look(vlm.ask_many(picture, QUESTIONS))


def test_common_options_hold_where_a_question_has_none_of_its_own(embedded):
    with SmolVLM.load(embedded) as vlm:
        results = vlm.ask_many(
            SHAPES,
            {"a": "Is there a red circle?", "b": Ask("What is this?", str, max_new_tokens=2)},
            answer=bool,
            max_new_tokens=1,
        )
        assert results["a"].value is True
        assert results["b"].usage.completion_tokens == 2
        assert results["b"].value == results["b"].text


def test_a_context_is_read_with_every_question_that_has_none_of_its_own(embedded):
    with SmolVLM.load(embedded) as vlm:
        asked = {"a": "What is this?", "b": Ask("What is this?", context="A plan.")}
        results = vlm.ask_many(SHAPES, asked, context="A drawing of shapes.", max_new_tokens=4)
        alone = [
            vlm.ask(SHAPES, "What is this?", context=text, max_new_tokens=4)
            for text in ("A drawing of shapes.", "A plan.")
        ]
    tokens = [result.usage.prompt_tokens for result in results.values()]
    assert tokens == [result.usage.prompt_tokens for result in alone]


# Progress and cancelling


def test_progress_is_that_of_one_request(embedded):
    seen: list[Progress] = []
    with SmolVLM.load(embedded, cache=False) as vlm:
        results = vlm.ask_many(SHAPES, QUESTIONS, on_progress=seen.append, max_new_tokens=20)
    stages = {stage: [p for p in seen if p.stage == stage] for stage in {p.stage for p in seen}}
    for news in stages.values():
        done = [progress.done for progress in news]
        assert done == sorted(set(done)), "it only ever grows"
    tiles = results["color"].usage.tiles
    assert (stages["vision"][-1].done, stages["vision"][-1].total) == (tiles, tiles)
    assert [p.total for p in stages["prefill"]] == [len(QUESTIONS)] * (len(QUESTIONS) + 1)
    said = sum(result.usage.completion_tokens for result in results.values())
    assert stages["decode"][-1].done == said <= stages["decode"][-1].total


@pytest.mark.parametrize("moment", [1, 4, 9, 20, 40])
def test_an_event_cancels_all_of_them(embedded, moment):
    with SmolVLM.load(embedded, cache=False, batch_size=2) as vlm:
        with pytest.raises(Cancelled):
            vlm.ask_many(SHAPES, QUESTIONS, cancel=Countdown(moment))
        assert vlm.ask(SHAPES, "Is there a red circle?", answer=bool).value is True
        assert vlm._pipeline.caches.look_bytes == 0


def test_cancelling_the_task_frees_the_engine(tiny_a):
    checkpoint = open_checkpoint(tiny_a)
    backend = GatedBackend.saying(checkpoint, " one two three four five six seven")
    with SmolVLM(checkpoint, backend, batch_size=2) as vlm:
        questions = {str(number): f"Question {number}?" for number in range(6)}
        check_cancelling_frees_the_engine(
            backend, vlm, lambda: vlm.aask_many(SHAPES, questions), decoded=3
        )


def test_an_async_call_is_the_same(embedded):
    with SmolVLM.load(embedded) as vlm:
        results = asyncio.run(vlm.aask_many(SHAPES, QUESTIONS))
        check_same(results, {name: ask_alone(vlm, asked) for name, asked in QUESTIONS.items()})


# What is wrong with a question is said before anything runs


@pytest.mark.parametrize(
    ("questions", "error", "said"),
    [
        ({}, BadPrompt, "there are no questions"),
        (["What?"], BadPrompt, "list, not a mapping"),
        ("What?", BadPrompt, "str, not a mapping"),
        ({1: "What?"}, BadPrompt, "name 1"),
        ({" ": "What?"}, BadPrompt, "name ' '"),
        ({"a": "What?", "b": 5}, BadPrompt, "question 'b' is int"),
        ({"a": "What?", "b": None}, BadPrompt, "question 'b' is NoneType"),
        ({"a": "What?", "b": " "}, BadPrompt, "question 'b': the question is empty"),
        ({"a": Ask(5)}, BadPrompt, "question 'a': the question is int"),  # pyright: ignore
        ({"a": Ask("What?", context=" ")}, BadPrompt, "question 'a': the context is empty"),
        ({"a": Ask("What?", 7)}, BadOptions, "question 'a': `answer=7`"),
    ],
)
def test_a_wrong_question_is_refused_by_its_name(vlm, questions, error, said):
    started: list[Progress] = []
    with pytest.raises(error, match=said):
        vlm.ask_many(SHAPES, questions, on_progress=started.append)
    with pytest.raises(error, match=said):
        asyncio.run(vlm.aask_many(SHAPES, questions, on_progress=started.append))
    assert not started


def test_a_schema_that_cannot_be_enforced_is_refused_by_name_with_its_keyword(vlm):
    schema = {"type": "string", "pattern": "(a"}
    with pytest.raises(SchemaNotSupported) as single:
        vlm.ask(SHAPES, "What?", answer=schema)
    with pytest.raises(SchemaNotSupported, match="question 'b'") as caught:
        vlm.ask_many(SHAPES, {"a": "What?", "b": Ask("What?", schema)})
    assert caught.value.keyword == single.value.keyword


def test_a_prompt_that_is_too_long_is_found_in_the_engine_and_named(vlm):
    long = {"short": "What?", "long": "word " * 20_000}
    with pytest.raises(BadPrompt, match="question 'long': the prompt is"):
        vlm.ask_many(SHAPES, long)
    with pytest.raises(BadPrompt, match="question 'long': the prompt is"):
        asyncio.run(vlm.aask_many(SHAPES, long))
    assert vlm.ask(SHAPES, "What?").text == "a red circle"


def test_a_broken_image_is_no_question_s_fault(vlm):
    with pytest.raises(ImageNotFound) as caught:
        vlm.ask_many("nowhere.png", {"a": "What?", "b": "What?"})
    assert "question" not in str(caught.value)


def test_many_threads_may_ask_at_once(embedded):
    with SmolVLM.load(embedded, batch_size=4) as vlm:
        expected = {name: result.text for name, result in vlm.ask_many(SHAPES, QUESTIONS).items()}
        found: list[dict[str, str]] = []

        def ask() -> None:
            results = vlm.ask_many(SHAPES, QUESTIONS)
            found.append({name: result.text for name, result in results.items()})

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [expected] * 3


def test_an_answer_without_a_value_is_raised_by_name(vlm):
    asked = {"a": Ask("What color is the circle?"), "b": Ask("How many?", int, min_confidence=1.0)}
    with pytest.raises(IncompleteAnswer, match="question 'b': the answer is unsure") as caught:
        vlm.ask_many(SHAPES, asked, on_incomplete="raise")
    assert caught.value.result.incomplete == "unsure"
