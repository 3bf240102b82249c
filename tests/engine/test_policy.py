"""What is handed out where a typed answer is cut, unsure or not valid."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field

from smolvlm_tools import BadOptions, IncompleteAnswer, SmolVLM
from smolvlm_tools.constraints import date, integer, lines, regex
from tests.support.paths import RECEIPT, SHAPES
from tests.support.requests import asking

HOW_MANY = asking(SHAPES, "How many shapes are there?")
CUT: dict[str, Any] = {"max_new_tokens": 18}


class Receipt(BaseModel):
    vendor: str
    total: float
    note: str | None


def _refuse(total: float) -> float:
    raise ValueError("never good enough")


class Picky(BaseModel):
    total: Annotated[float, AfterValidator(_refuse)]


@pytest.fixture(scope="module")
def vlm(embedded: str):
    with SmolVLM.load(embedded) as engine:
        yield engine


def incomplete(call) -> IncompleteAnswer:
    with pytest.raises(IncompleteAnswer) as caught:
        call()
    return caught.value


def test_a_cut_answer_has_no_value_but_the_words_that_were_written(vlm):
    whole = vlm.extract(RECEIPT, Receipt)
    assert whole.value.total == 7.5 and not whole.abstained and whole.incomplete is None
    for limit in range(1, whole.usage.completion_tokens):
        cut = vlm.extract(RECEIPT, Receipt, max_new_tokens=limit)
        assert (cut.value, cut.abstained, cut.incomplete) == (None, True, "cut")
        assert cut.flags == ("truncated",) and cut.confidence == 0.0
        assert whole.text.startswith(cut.text)
        for pointer, share in cut.field_confidence.items():
            assert share == pytest.approx(whole.field_confidence[pointer])
            written = json.dumps(getattr(whole.value, pointer[1:]))
            assert written in cut.text, "whole"


def test_a_number_that_reaches_the_cut_may_have_had_more_digits(vlm):
    whole = vlm.ask(RECEIPT, "What is the total?", answer=float)
    limits = range(1, whole.usage.completion_tokens)
    cut = [
        vlm.ask(RECEIPT, "What is the total?", answer=float, max_new_tokens=limit)
        for limit in limits
    ]
    assert "7" in {result.text for result in cut}, "a number by itself"
    assert {(result.value, result.incomplete, result.confidence) for result in cut} == {
        (None, "cut", 0.0)
    }
    inside = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for limit in range(1, vlm.extract(SHAPES, inside).usage.completion_tokens):
        assert vlm.extract(SHAPES, inside, max_new_tokens=limit).field_confidence == {}


@pytest.mark.parametrize("answer", [integer(), date(), regex("[a-z ]{3,40}")], ids=lambda g: g.name)
def test_every_grammar_of_one_value_is_held_to_its_end(vlm, answer):
    result = vlm.ask(SHAPES, "What?", answer=answer, max_new_tokens=1)
    assert (result.value, result.incomplete) == (None, "cut")


def test_a_cut_list_of_lines_keeps_the_lines_that_were_written(vlm):
    whole = vlm.transcribe(RECEIPT, layout="lines")
    assert len(whole.value) > 2
    for limit in range(1, 14):
        for policy in ("abstain", "raise", "complete"):
            cut = vlm.transcribe(
                RECEIPT, answer=lines(), max_new_tokens=limit, on_incomplete=policy
            )
            assert cut.flags == ("truncated",) and not cut.abstained and cut.confidence > 0
            assert cut.value == [line for line in cut.text.split("\n") if line]
            assert whole.text.startswith(cut.text)


def test_a_cut_free_text_and_a_weighed_option_are_values(vlm):
    text = vlm.describe(SHAPES, answer=str, max_new_tokens=2, on_incomplete="raise")
    assert text.value == text.text and text.flags == ("truncated",)


def test_completing_ends_a_cut_answer_and_changes_nothing_else(vlm):
    whole = vlm.extract(RECEIPT, Receipt)
    assert (
        vlm.extract(RECEIPT, Receipt, on_incomplete="complete").model_copy(
            update={"usage": whole.usage}
        )
        == whole
    )
    cut = vlm.extract(RECEIPT, Receipt, **CUT, on_incomplete="complete")
    assert isinstance(cut.value, Receipt) and cut.flags == ("truncated", "completed")
    assert set(cut.field_confidence.values()) == {0.0} == {cut.confidence}
    made_up = vlm.extract(
        RECEIPT, Receipt, **CUT, on_incomplete="complete", min_field_confidence=0.1
    )
    assert made_up.unsure_fields == ("/vendor", "/total") and made_up.value.note is None
    unsure = vlm.extract(RECEIPT, Receipt, **CUT, on_incomplete="complete", min_confidence=0.1)
    assert (unsure.value, unsure.incomplete) == (None, "unsure")
    rejected = vlm.extract(RECEIPT, Picky, on_incomplete="complete")
    assert (rejected.value, rejected.incomplete, rejected.flags) == (
        None,
        "rejected",
        ("rejected",),
    )
    at_a_digit = vlm.ask(
        RECEIPT, "What is the total?", answer=float, max_new_tokens=2, on_incomplete="complete"
    )
    assert (at_a_digit.value, at_a_digit.confidence) == (7.0, 0.0)
    assert at_a_digit.flags == ("truncated",), "nothing was appended"


@pytest.mark.parametrize(
    ("options", "kind", "remedy"),
    [
        ({"answer": Receipt, **CUT}, "cut", "max_new_tokens"),
        ({"answer": Receipt, "min_confidence": 1.0}, "unsure", "min_confidence"),
        ({"min_confidence": 1.0}, "unsure", "min_confidence"),
        ({"answer": Picky}, "rejected", "rule"),
    ],
    ids=["cut", "unsure", "unsure text", "rejected"],
)
def test_raising_tells_why_and_loses_nothing(vlm, options, kind, remedy):
    question = asking(RECEIPT, "Fill in.")
    held = vlm.generate(question, **options)
    error = incomplete(lambda: vlm.generate(question, **options, on_incomplete="raise"))
    assert error.code == "incomplete_answer" and remedy in error.remedy
    assert error.text == held.text and error.result.incomplete == held.incomplete == kind
    assert error.result.model_copy(update={"usage": held.usage}) == held
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.result) == (str(error), error.result)
    if kind == "rejected":
        assert "total: Value error, never good enough" in error.reason


def test_the_model_repeating_itself_has_a_remedy_of_its_own(tiny_a):
    from smolvlm_tools import open_checkpoint
    from smolvlm_tools.backends.fake import FakeBackend

    checkpoint = open_checkpoint(tiny_a)
    backend = FakeBackend.saying(checkpoint, " and a cat" * 60)
    with SmolVLM(checkpoint, backend) as vlm:
        asked = {"answer": regex("[a-z ]+"), "on_incomplete": "raise"}
        error = incomplete(lambda: vlm.generate(HOW_MANY, **asked))
    assert "repeat" in error.reason and "max_new_tokens" not in error.remedy
    assert error.result.flags == ("repetition",)


def test_a_stream_says_all_words_before_it_raises(vlm):
    async def listen() -> list[str]:
        heard = []
        with pytest.raises(IncompleteAnswer):
            async for chunk in vlm.astream(asking(RECEIPT, "Fill in."), **asked):
                heard.append(chunk.text)
        return heard

    asked = {"answer": Receipt, **CUT, "on_incomplete": "raise"}
    said: list[str] = []

    def hear() -> None:
        for chunk in vlm.stream(asking(RECEIPT, "Fill in."), **asked):
            said.append(chunk.text)

    error = incomplete(hear)
    assert "".join(said) == error.text == "".join(asyncio.run(listen()))
    assert len(said) == error.result.usage.completion_tokens


def test_one_incomplete_answer_of_a_batch_is_its_own(vlm):
    conversations = [HOW_MANY, asking(RECEIPT, "Fill in."), HOW_MANY]
    each = [{"answer": int}, {"answer": Receipt, **CUT, "on_incomplete": "raise"}, {"answer": int}]
    found = vlm.batch(conversations, each=each, return_exceptions=True)
    assert [found[0].value, found[2].value] == [3, 3]
    assert isinstance(found[1], IncompleteAnswer) and found[1].result.incomplete == "cut"
    error = incomplete(lambda: vlm.batch(conversations, each=each))
    assert error.text == found[1].text

    async def from_a_loop() -> list[Any]:
        with pytest.raises(IncompleteAnswer):
            await vlm.aextract(RECEIPT, Receipt, **CUT, on_incomplete="raise")
        return await vlm.abatch(conversations, each=each, return_exceptions=True)

    again = asyncio.run(from_a_loop())
    assert [type(one) for one in again] == [type(one) for one in found]
    assert vlm.generate(HOW_MANY, answer=int).value == 3, "the engine goes on"


def test_an_unsure_field_becomes_null_or_is_named(vlm):
    sure = vlm.extract(RECEIPT, Receipt)
    shares = sure.field_confidence
    least = (shares["/vendor"] + 1) / 2
    found = vlm.extract(RECEIPT, Receipt, min_field_confidence=least)
    assert found.value == sure.value, "a vendor may not be null"
    assert found.unsure_fields == tuple(p for p, share in shares.items() if share < least)[:2]
    assert "/note" not in found.unsure_fields, "it is null already"

    class Loose(BaseModel):
        total: float | None

    class Nested(BaseModel):
        parts: list[Loose] = Field(min_length=1, max_length=2)

    for schema in (Loose, Nested):
        loose = vlm.extract(RECEIPT, schema, min_field_confidence=1.0)
        assert not loose.abstained and loose.unsure_fields == ()
        written = schema.model_validate_json(loose.text)
        assert written != loose.value and "7.5" in loose.text, "the words stay"
        parts = getattr(loose.value, "parts", [loose.value])
        assert {part.total for part in parts} == {None}
    assert vlm.extract(RECEIPT, Receipt, min_field_confidence=0.0).value == sure.value
    assert vlm.ask(SHAPES, "How many?", answer=int, min_field_confidence=1.0).value is not None


def test_a_pointer_names_its_field_however_it_is_spelled(vlm):
    names = ["a/b", "c~d", ""]
    fields = {name: {"type": ["integer", "null"]} for name in names}
    schema = {"type": "object", "properties": fields, "required": names}
    found = vlm.extract(SHAPES, schema, min_field_confidence=1.0)
    assert found.value == dict.fromkeys(names) and found.unsure_fields == ()
    assert set(found.field_confidence) == {"/a~1b", "/c~0d", "/"}


@pytest.mark.parametrize(
    "options",
    [
        {"on_incomplete": "ignore"},
        {"on_incomplete": True},
        {"min_field_confidence": 1.5},
        {"min_field_confidence": "high"},
        {"min_confidence": -0.1},
    ],
    ids=str,
)
def test_an_impossible_policy_is_refused_before_anything_runs(vlm, options):
    (name,) = options
    with pytest.raises(BadOptions, match=name):
        vlm.stream(HOW_MANY, **options)
