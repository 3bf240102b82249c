"""RapidOCR: its words, their boxes, and what is missing where it is not installed."""

from __future__ import annotations

import socket

import pytest
from PIL import Image

from smolvlm_tools import BackendUnavailable, BadOptions
from smolvlm_tools.images.ocr import open_recognizer, parse_check, rapid, read_words
from smolvlm_tools.types import Box
from tests.support.ocr import ocr_only, overlap, written
from tests.support.print_pages import text_page, turned

LINES = ("The quick brown fox", "paid 12.50 on Monday")


@ocr_only
def test_words_come_with_the_boxes_of_their_ink():
    page, boxes = written(*LINES)
    words = open_recognizer("ocr").read(page)
    assert [word.text for word in words] == " ".join(LINES).split()
    assert [word.line for word in words] == [0] * 4 + [1] * 4
    assert all(overlap(word.box, box) > 0.8 for word, box in zip(words, boxes, strict=True))
    assert all(0.9 < word.confidence <= 1 for word in words)


@ocr_only
def test_boxes_are_in_pixels_of_the_original_where_it_was_shrunk():
    page, boxes = written(*LINES)
    large = page.resize((page.width * 5, page.height * 5))
    words = open_recognizer("ocr").read(large)
    true = [Box(**{side: 5 * at for side, at in box.model_dump().items()}) for box in boxes]
    assert all(overlap(word.box, box) > 0.7 for word, box in zip(words, true, strict=True))


@ocr_only
@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (900, 4), (200, 100)])
def test_an_image_without_print_has_no_words(size):
    assert open_recognizer("ocr").read(Image.new("RGB", size, "white")) == ()


@ocr_only
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_lies_is_read_upright_and_its_boxes_are_of_the_page_as_it_lies(quarters):
    import random

    page = text_page(random.Random(3))
    recognizer = open_recognizer("ocr")
    upright = read_words(page, recognizer)
    lying = turned(page, quarters)
    words = read_words(lying, recognizer)
    assert [word.text for word in words] == [word.text for word in upright]
    dark = lying.convert("L").point(lambda level: 255 * (level < 128))
    for word, before in zip(words, upright, strict=True):
        box, other = word.box, before.box
        size = (box.right - box.left, box.bottom - box.top)
        swapped = (other.right - other.left, other.bottom - other.top)
        assert size == pytest.approx(swapped[:: -1 if quarters % 2 else 1])
        assert dark.crop((box.left, box.top, box.right, box.bottom)).getbbox()


@ocr_only
def test_nothing_is_fetched(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    page, _ = written("offline")
    assert [word.text for word in rapid.RapidRecognizer().read(page)] == ["offline"]


@ocr_only
def test_a_wheel_without_its_models_is_refused_and_none_is_fetched(monkeypatch):
    monkeypatch.setattr(rapid, "_MODELS", {"Det": "other.onnx"})
    with pytest.raises(BackendUnavailable, match=r"lacks other\.onnx"):
        rapid.RapidRecognizer()


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr(rapid, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"smolvlm-tools\[ocr\]"):
        rapid.RapidRecognizer()


def test_an_unknown_check_is_refused():
    with pytest.raises(BadOptions, match="check='eyes'"):
        parse_check("eyes")
