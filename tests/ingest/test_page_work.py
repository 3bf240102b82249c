"""One page → its findings: what comes from the document, and what the model is asked."""

from __future__ import annotations

import pytest
from PIL import Image

from smolvlm_tools import Ask, errors
from smolvlm_tools.ingest import Wish
from smolvlm_tools.ingest.page_work import look_at_page, read_page
from smolvlm_tools.pages import open_pages
from tests.support.documents import pdf_only
from tests.support.mixed_corpus import book, drawing, encoded, words
from tests.support.pdf_pages import draw, image, lines, page, written

SAID = "a red circle"
pytestmark = pdf_only


@pytest.fixture
def find(vlm):
    """The findings about the first page of a file."""

    def call(data, **wish):
        asked = Wish(**wish)
        with open_pages(data, longest_edge=128) as pages:
            return look_at_page(read_page(pages, 1, asked), asked, lambda: vlm)

    return call


def scanned(text, over=b""):
    """A page whose picture fills it, with text that is not seen."""
    picture = image(60, 60, pixels=drawing(1, (60, 60)).tobytes())
    return page(draw(b"X0", 0, 0, 612, 792) + lines(text, b"3 Tr") + over, xobjects=[picture])


def test_text_that_the_document_has_costs_no_model_time(find, vlm):
    [found] = find(book([words(1)]))
    assert found.text_source == "layer"
    assert found.text["transcription"].splitlines()[0] == "Page 1 of the minutes."
    assert (found.model, found.image_sha256, found.usage.tiles, vlm.asked) == (None, None, 0, [])


def test_a_page_without_text_is_looked_at_once(find, vlm):
    [found] = find(book([""]), questions={"colour": "What color is it?"})
    assert found.text == {"caption": SAID, "transcription": SAID}
    assert found.answers["colour"].text == SAID
    assert (found.text_source, found.model) == ("model", "smolvlm-embedded")
    assert found.usage.tiles >= 1 and found.image_sha256 and found.confidence["caption"] > 0.9
    assert [names for _, names in vlm.asked] == [("caption", "transcription", "?colour")]


def test_both_texts_where_both_are_wished_for(find):
    [found] = find(book([words(1)]), text="both")
    assert found.text_source == "both"
    assert found.text["transcription"] == SAID and "minutes" in found.text["layer"]


def test_the_model_alone_where_that_is_wished_for(find):
    [found] = find(book([words(1)]), text="model")
    assert found.text["transcription"] == SAID
    assert "layer" not in found.text and found.text_source == "model"


def test_the_layer_alone_where_that_is_wished_for(find, vlm):
    [found] = find(scanned(words(1)), text="layer", tasks=("transcription",))
    assert "minutes" in found.text["transcription"] and found.flags == ("ocr_layer", "hidden_text")
    assert vlm.asked == []


def test_an_invisible_layer_is_kept_beside_what_the_model_reads(find):
    [found] = find(scanned(words(1)))
    assert "ocr_layer" in found.flags and "hidden_text" in found.flags
    assert found.text["transcription"] == SAID and "minutes" in found.text["layer"]
    assert found.text_source == "model", "the layer is kept, but not trusted"


def test_a_layer_that_makes_no_words_is_said_and_not_believed(find):
    text = "\n".join([words(1)] * 3)
    [found] = find(written(text, lambda letter: chr(ord(letter) + 31)))
    assert "garbage_layer" in found.flags
    assert found.text["transcription"] == SAID


def test_blank_pages_cost_no_model_time(find, vlm):
    for data in (encoded(Image.new("RGB", (50, 50), "white")), page(b"")):
        [found] = find(data)
        assert found.flags == ("blank_image",) and found.text == {}
        assert found.image_sha256 and found.model is None and found.error is None
    assert vlm.asked == []


def test_pictures_in_a_page_are_captioned_where_they_stand(find, vlm):
    photo = image(80, 80, pixels=drawing(1, (80, 80)).tobytes())
    blank = image(80, 80, pixels=b"\xff" * 80 * 80 * 3)
    content = lines(words(1)) + draw(b"X0", 61.2, 79.2, 200, 200) + draw(b"X1", 350, 79.2, 200, 200)
    data = page(content, xobjects=[photo, blank])
    [alone] = find(data)
    assert alone.picture is None
    text, first, second = find(data, look=True)
    assert set(text.text) == {"transcription", "caption"} and text.text_source == "both"
    assert (first.picture, second.picture) == (1, 2)
    left, top, right, bottom = first.bbox
    assert left == pytest.approx(0.1, abs=0.01) and bottom == pytest.approx(0.9, abs=0.01)
    assert right == pytest.approx(261.2 / 612, abs=0.01)
    assert top == pytest.approx(1 - 279.2 / 792, abs=0.01)
    assert first.text == {"caption": SAID} and first.image_sha256 != text.image_sha256
    assert second.flags == ("blank_image",) and second.text == {}
    assert [names for _, names in vlm.asked] == [("caption",), ("caption",)]


def test_fields_of_a_schema_and_typed_answers(find):
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}
    [found] = find(
        encoded(drawing(1)), schema=schema, questions={"red": Ask("Is it red?", bool)}, tasks=()
    )
    assert found.fields.value == {"a": 1}
    assert found.answers["red"].value in (True, False)
    assert found.text == {} and found.text_source is None and found.model == "smolvlm-embedded"


def test_what_is_cut_is_said(find):
    [found] = find(encoded(drawing(1)), tasks=("caption",), options={"max_new_tokens": 1})
    assert "truncated" in found.flags


@pytest.mark.parametrize(
    "error", [errors.OutOfMemoryBudget("too large"), errors.BadPrompt("too long")]
)
def test_what_is_wrong_with_a_page_is_its_finding(find, vlm, error):
    def fail(image):
        raise error

    vlm.before = fail
    [found] = find(encoded(drawing(1)))
    assert found.error.code == error.code and found.text == {}


@pytest.mark.parametrize(
    "error",
    [errors.BadOptions("no"), errors.SchemaNotSupported("no"), errors.ModelInvalid("no")],
)
def test_what_is_wrong_with_every_page_is_raised(find, vlm, error):
    def fail(image):
        raise error

    vlm.before = fail
    with pytest.raises(type(error)):
        find(encoded(drawing(1)))


def test_a_busy_engine_is_waited_for(find, vlm):
    refusals = [errors.Busy("full", retry_after=0.01)] * 3

    def refuse(image):
        if refusals:
            raise refusals.pop()

    vlm.before = refuse
    [found] = find(encoded(drawing(1)))
    assert found.text["caption"] == SAID and len(vlm.asked) == 4
