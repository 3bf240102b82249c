"""Transcriptions and answers that are checked by OCR, with the embedded model."""

from __future__ import annotations

import asyncio
import sys
from functools import partial

import numpy as np
import psutil
import pytest
from PIL import Image

from smolvlm_tools import BackendUnavailable, BadOptions, Clip, OutOfMemoryBudget, SmolVLM
from smolvlm_tools.images.ocr import open_recognizer
from smolvlm_tools.types import Word
from tests.support.animations import blinking
from tests.support.ocr import fuzz_only, ocr_only, overlap, written
from tests.support.paths import REAL, RECEIPT, SHAPES, real_only

TEXT = "CORNER CAFE\n2 COFFEE 7.50\nTOTAL 7.50\nTHANK YOU!"


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load(embedded) as engine:
        yield engine


@pytest.fixture(scope="module")
def speckled():
    """A page that is not blank by its pixels and has no print."""
    noise = np.random.default_rng(0).normal(240, 6, (480, 640, 1)).repeat(3, axis=2)
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))


@ocr_only
def test_a_transcription_comes_with_the_words_of_the_other_reader(vlm):
    result = vlm.transcribe(RECEIPT, check="ocr")
    check = result.check
    assert (result.text, check.ocr_text, check.model_text) == (TEXT, TEXT, TEXT)
    assert (check.agreement, check.unsupported, check.missing) == (1, (), ())
    assert [line.text for line in check.lines] == TEXT.split("\n")
    assert check.model_confidence < result.confidence <= 1
    assert check.recognizer.startswith("rapidocr 3.")
    assert result.tokens is None and result.flags == ()
    assert vlm.transcribe(RECEIPT, check="ocr", logprobs=True).tokens


@ocr_only
def test_boxes_lie_on_the_image(vlm):
    width, height = Image.open(RECEIPT).size
    for word in vlm.transcribe(RECEIPT, check="ocr").check.words:
        assert 0 <= word.box.left < word.box.right <= width
        assert 0 <= word.box.top < word.box.bottom <= height


@ocr_only
def test_words_whose_space_the_other_reader_lost_have_boxes_of_their_own(vlm):
    page, boxes = written("GREEN SHOP", "TOTAL 7.50", "THANK YOU!", size=24)
    assert "THANKYOU!" in [word.text for word in open_recognizer("ocr").read(page)], "or why test?"
    check = vlm.transcribe(page, check="ocr").check
    assert [word.text for word in check.words][-2:] == ["THANK", "YOU!"]
    assert all(max(overlap(word.box, box) for word in check.words) > 0.8 for box in boxes)
    assert {type(word) for word in check.words} == {Word}
    assert check.ocr_text.endswith("THANK YOU!")


@ocr_only
@pytest.mark.parametrize("source", ["model", "ocr", "best"])
def test_a_page_without_words_never_has_text(vlm, speckled, source):
    plain = vlm.transcribe(speckled)
    assert plain.text, "the model has to invent something, or this tests nothing"
    result = vlm.transcribe(speckled, check="ocr", source=source)
    assert result.text == ""
    assert "nothing_recognised" in result.flags and "unsupported" in result.flags
    assert result.confidence < 0.01
    assert result.check.model_text == plain.text, "nothing is lost"


@ocr_only
def test_a_blank_image_agrees_that_it_has_no_text(vlm):
    result = vlm.transcribe(Image.new("RGB", (300, 200), "white"), check="ocr", source="best")
    assert (result.text, result.flags) == ("", ("blank_image",))
    assert result.check.agreement == 1


@ocr_only
def test_the_best_text_of_print_that_the_model_cannot_read_is_the_other_readers(vlm):
    page, _ = written("The quick brown fox jumps", "over the lazy dog at noon")
    result = vlm.transcribe(page, check="ocr", source="best")
    assert result.text == "The quick brown fox jumps\nover the lazy dog at noon"
    assert result.text_source in ("ocr", "both") and result.check.text_from == "best"
    assert result.text != result.check.model_text


@ocr_only
def test_lines_are_a_list_whoever_read_them(vlm):
    page, _ = written("The quick brown fox", "jumps")
    result = vlm.transcribe(page, layout="lines", check="ocr", source="ocr")
    assert result.value == ["The quick brown fox", "jumps"]
    assert vlm.transcribe(RECEIPT, layout="lines", check="ocr").value == TEXT.split("\n")


@ocr_only
def test_each_page_has_its_own_check(vlm, tmp_path):
    path = tmp_path / "scans.tif"
    first, second = Image.open(RECEIPT).convert("RGB"), written("OTHER PAGE")[0]
    first.save(path, "TIFF", save_all=True, append_images=[second])
    result = vlm.transcribe(path, check="ocr", source="best")
    assert [page.check.ocr_text for page in result.pages] == [TEXT, "OTHER PAGE"]
    assert result.check is None
    assert result.text == f"{TEXT}\n\nOTHER PAGE"
    assert asyncio.run(vlm.atranscribe(path, check="ocr", source="best")).text == result.text


@ocr_only
def test_words_of_several_images_name_theirs(vlm):
    other = written("OTHER")[0]
    result = vlm.transcribe([RECEIPT, other], check="ocr", source="ocr")
    assert {word.image for word in result.check.words} == {0, 1}
    assert result.text == f"{TEXT}\n\nOTHER"


@ocr_only
@real_only
def test_a_page_on_its_side_is_read_and_its_boxes_lie_on_it_as_it_is(vlm):
    path = REAL / "phototest-rotated-right.png"
    result = vlm.transcribe(path, check="ocr", source="best")
    assert result.text == (REAL / "phototest.txt").read_text().strip().replace("\n\n", "\n")
    boxes = [word.box for word in result.check.words if len(word.text) > 3]
    assert all(box.bottom - box.top > box.right - box.left for box in boxes)


@ocr_only
def test_an_answer_tells_where_it_is_printed(vlm):
    result = vlm.ask(RECEIPT, "What is the total?", answer=float, check="ocr")
    place = result.check.evidence[""]
    assert (result.value, place.text, place.agreement) == (7.5, "7.50", 1)
    again = asyncio.run(vlm.aask(RECEIPT, "What is the total?", answer=float, check="ocr"))
    assert again.check.evidence == result.check.evidence


@ocr_only
def test_each_field_tells_where_it_is_printed_also_of_a_file_that_is_read_once(vlm):
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    with open(RECEIPT, "rb") as file:
        result = vlm.extract(file, schema, check="ocr")
    assert result.check.evidence["/total"].text == "7.50"
    again = asyncio.run(vlm.aextract(RECEIPT, schema, check="ocr"))
    assert again.check.evidence == result.check.evidence


@ocr_only
def test_what_is_not_printed_has_no_place(vlm):
    result = vlm.ask(SHAPES, "What color is the circle?", check="ocr")
    assert result.text and result.check.evidence == {}


@ocr_only
def test_the_marks_of_markdown_are_not_compared(vlm):
    check = vlm.transcribe(RECEIPT, layout="markdown", check="ocr").check
    assert not any(mark in line.text for line in check.lines for mark in "#*_|`")


def test_a_table_in_markdown_is_compared_without_its_rule():
    from smolvlm_tools.engine.crosscheck.checking import _without_marks

    table = ["# Head", "| a-b | 1.50 |", "|---|---:|", "- **item**"]
    assert [" ".join(_without_marks(line).split()) for line in table] == [
        *("Head", "a-b 1.50", "", "item")
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"check": "eyes"}, "`check='eyes'` is unknown"),
        ({"source": "best"}, "needs a check"),
        ({"check": "ocr", "source": "all"}, "`source='all'` is unknown"),
        ({"check": "ocr", "source": "ocr", "layout": "markdown"}, "has no Markdown"),
    ],
)
def test_options_that_make_no_sense_are_refused(vlm, options, reason):
    with pytest.raises(BadOptions, match=reason):
        vlm.transcribe(RECEIPT, **options)
    with pytest.raises(BadOptions, match=reason):
        asyncio.run(vlm.atranscribe(RECEIPT, **options))


def test_without_the_extra_the_error_names_it(vlm, monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[ocr\]"):
        vlm.transcribe(RECEIPT, check="ocr")


def test_without_a_check_nothing_is_added(vlm):
    assert vlm.transcribe(RECEIPT).check is None
    assert vlm.ask(RECEIPT, "What is the total?").check is None


@ocr_only
def test_a_check_of_a_video_is_refused(vlm):
    for image, frames in ((blinking(), 2), (Clip([SHAPES, SHAPES]), None)):
        for ask in (vlm.transcribe, partial(vlm.ask, question="What is it?")):
            with pytest.raises(BadOptions, match="`check` reads images") as refused:
                ask(image, check="ocr", frames=frames)
            assert "single frames" in refused.value.remedy


@fuzz_only
def test_a_check_needs_an_image_that_is_let_in(vlm):
    from smolvlm_tools import PathNotAllowed

    with pytest.raises((PathNotAllowed, BackendUnavailable)):
        vlm.ask(str(RECEIPT), "What?", check="ocr", policy="public")


@ocr_only
def test_what_does_not_fit_the_budget_is_refused_before_it_is_read(embedded):
    budget = psutil.Process().memory_info().rss + 300_000_000
    with (
        SmolVLM.load(embedded, memory_budget=budget) as vlm,
        pytest.raises(OutOfMemoryBudget, match="for the check would take") as caught,
    ):
        vlm.transcribe(Image.new("RGB", (2000, 2000), "white"), check="ocr")
    assert caught.value.needed_bytes > budget
