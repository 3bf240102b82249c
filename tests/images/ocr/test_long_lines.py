"""Lines that are very long for their height."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from smolvlm_tools.images.ocr.long_lines import LONGEST, parts_of
from smolvlm_tools.images.ocr.rapid import RapidRecognizer
from tests.support.ocr import ocr_only

WORDS = ("the quick brown fox paid 12.50 20.75 on Monday " * 6).split()


def line(words, size: int = 14) -> Image.Image:
    font = ImageFont.load_default(size)
    text = " ".join(words)
    picture = Image.new("RGB", (round(font.getlength(text)) + 20, size + 6), "white")
    ImageDraw.Draw(picture).text((10, 1), text, "black", font)
    return picture


def test_a_usual_line_is_read_at_once():
    assert parts_of(np.full((20, 20 * LONGEST), 255, np.uint8)) == [(0, 20 * LONGEST, False)]


def test_a_long_line_is_cut_in_the_white_between_its_words():
    grey = np.asarray(line(WORDS).convert("L"))
    parts = parts_of(grey)
    assert len(parts) > 1
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
    assert (parts[0].start, parts[-1].end) == (0, grey.shape[1])
    assert all(part.end - part.start <= LONGEST * len(grey) for part in parts)
    assert all(part.after_space for part in parts[1:])
    assert all((grey[:, part.start - 1 : part.start + 1] > 128).all() for part in parts[1:])


@pytest.mark.parametrize("level", [0, 255])
def test_a_line_without_white_is_cut_all_the_same(level):
    bars = np.full((4, 4000), level, np.uint8)
    bars[::2] = 255 - level
    assert all(0 < part.end - part.start <= 4 * LONGEST for part in parts_of(bars))


@ocr_only
def test_a_line_that_is_read_in_parts_has_all_its_words_once_and_in_one_line():
    recognizer = RapidRecognizer()
    page = line(WORDS)
    words = recognizer.read(page)
    assert [word.text for word in words] == WORDS
    assert {word.line for word in words} == {0}
    lefts = [word.box.left for word in words]
    assert lefts == sorted(lefts)


class Seen(Exception):
    """What a model was to compute on has been seen: computing it adds nothing."""


@ocr_only
def test_what_is_recognised_at_once_is_bounded_whatever_the_line(monkeypatch):
    recognizer = RapidRecognizer()
    model = recognizer._engine._load_rec_model()
    session, shapes = model.session, []

    def noted(pixels):
        shapes.append(pixels.shape)
        return session(pixels)

    monkeypatch.setattr(model, "session", noted)
    recognizer.read(line(WORDS))
    assert len(shapes) > 1 and max(shape[3] for shape in shapes) <= 48 * LONGEST


@ocr_only
@pytest.mark.parametrize("size", [(20_000, 40), (40, 3000), (300, 200), (1200, 900)])
def test_the_memory_that_is_told_goes_by_the_pixels_that_are_detected_on(size, monkeypatch):
    recognizer = RapidRecognizer()

    def seen(pixels):
        raise Seen(*pixels.shape)

    monkeypatch.setattr(recognizer._engine._load_det_model(), "session", seen)
    with pytest.raises(Seen) as caught:
        recognizer.read(Image.new("RGB", size, "white"))
    _, _, height, width = caught.value.args
    told = 400_000_000 + 202 * height * width
    assert recognizer.working_bytes(size) == pytest.approx(told, rel=0.03)
