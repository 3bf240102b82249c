"""What may be wished for, and what makes no sense."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from smolvlm_tools import Ask, errors
from smolvlm_tools.ingest import Reading, Wish
from smolvlm_tools.pages import TextLayer

DIGITAL, OCR = TextLayer("words", "digital"), TextLayer("words", "ocr")
QUESTION = {"colour": "What color is it?"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tasks": "caption"},
        {"tasks": None},
        {"tasks": ("captions",)},
        {"tasks": (3,)},
        {"tasks": ()},
        {"tasks": ("pictures",)},
        {"text": "ocr"},
        {"detail": "long"},
        {"detail": "long", "tasks": ("pictures",), "look": True},
        {"layout": "lines"},
        {"options": 3},
        {"options": {"bogus": 1}},
        {"options": {"max_new_tokens": 0}},
        {"options": {"resolution": "fine"}},
        {"options": {"resolution": 0}},
        {"options": {"resolution": True}},
        {"options": {"min_confidence": 2}},
        {"options": {"answer": int}},
        {"options": {"cancel": None}},
        {"options": {"pages": "1"}},
        {"options": {"task": "ask"}},
        {"options": {"on_progress": print}},
        {"options": {"on_incomplete": "raise"}},
        {"check": "eyes"},
        {"check": True},
        {"source": "best"},
        {"check": "ocr", "source": "all"},
        {"check": "ocr", "source": "ocr", "layout": "markdown"},
        {"check": "ocr", "tasks": ("caption",)},
        {"check": "ocr", "text": "layer"},
        {"min_agreement": 0.5},
        {"check": "ocr", "min_agreement": 1.5},
        {"check": "ocr", "min_agreement": True},
        {"check": "ocr", "min_agreement": "0.5"},
        {"questions": {"a": Ask("?", answer=7)}},
        {"schema": 3},
        {"schema": int},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(wrong):
    with pytest.raises(errors.BadOptions):
        Wish(**wrong)


@pytest.mark.parametrize("questions", [{"a": ""}, {"a": 1}, {"": "?"}, ["a"], "a", None, {1: "?"}])
def test_questions_that_are_none(questions):
    with pytest.raises(errors.BadPrompt):
        Wish(questions=questions)


@pytest.mark.parametrize("schema", [{"type": "bogus"}, {"type": 3}])
def test_schemas_that_cannot_be_enforced(schema):
    with pytest.raises(errors.SchemaNotSupported) as caught:
        Wish(schema=schema)
    assert "question" not in caught.value.reason


@pytest.mark.parametrize(
    "wrong",
    [{"workers": 0}, {"max_pages": 0}, {"longest_edge": 0}, {"longest_edge": 20_000}],
    ids=str,
)
def test_ways_of_reading_that_make_no_sense(wrong):
    with pytest.raises(errors.BadOptions):
        Reading(**wrong)


def test_a_password_is_shown_nowhere():
    assert "secret" not in repr(Reading(password="secret"))


@pytest.mark.parametrize(
    ("wish", "layer", "asked"),
    [
        ({}, None, {"transcription", "caption"}),
        ({}, OCR, {"transcription", "caption"}),
        ({}, DIGITAL, set()),
        ({"look": True}, DIGITAL, {"caption"}),
        ({"text": "model"}, DIGITAL, {"transcription", "caption"}),
        ({"text": "both"}, DIGITAL, {"transcription", "caption"}),
        ({"text": "layer"}, DIGITAL, set()),
        ({"text": "layer"}, OCR, set()),
        ({"text": "layer"}, None, {"caption"}),
        ({"questions": QUESTION}, DIGITAL, {"?colour"}),
        ({"tasks": ("caption",)}, DIGITAL, {"caption"}),
    ],
)
def test_what_is_asked_about_a_page_depends_on_its_layer(wish, layer, asked):
    assert set(Wish(**wish).of_page(layer)) == asked


def test_everything_that_is_asked_is_in_the_prompt_hash():
    class Invoice(BaseModel):
        total: float

    class Receipt(BaseModel):
        total: int

    pictures = {"tasks": ("pictures",), "look": True}
    wishes = [
        {},
        {"tasks": ("caption",)},
        {"look": True},
        {"text": "both"},
        {"detail": "brief"},
        {"layout": "markdown"},
        {"questions": QUESTION},
        {"questions": {"colour": Ask("What color is it?", str)}},
        {"questions": {"color": "What color is it?"}},
        {"questions": {"colour": Ask("What color is it?", context="A sign.")}},
        {"schema": Invoice},
        {"schema": Receipt},
        {"options": {"max_new_tokens": 9}},
        {"options": {"resolution": 1}},
        {"check": "ocr"},
        {"check": "tesseract"},
        {"check": "ocr", "source": "best"},
        {"check": "ocr", "min_agreement": 0.5},
        pictures,
        {**pictures, "detail": "brief"},
    ]
    assert len({Wish(**wish).prompt_hash for wish in wishes}) == len(wishes)
    assert Wish(schema=Invoice).prompt_hash == Wish(schema=Invoice).prompt_hash
    assert Wish(tasks=("caption", "pictures")).prompt_hash == (
        Wish(tasks=("pictures", "caption")).prompt_hash
    )


def test_a_model_is_needed_where_something_is_asked():
    assert Wish().needs_model
    assert Wish(tasks=("pictures",), look=True).needs_model
    assert not Wish(tasks=("transcription",), text="layer").needs_model
