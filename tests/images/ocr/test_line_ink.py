"""Words from the pixels of a line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from smolvlm_tools.images.ocr.line_ink import Char, find_pieces


def line(text: str, seen: str | None = None, *, ink: int = 0, size: int = 32):
    """A picture of a line, and its characters as a recogniser would tell them: those of `seen`."""
    font = ImageFont.load_default(size)
    picture = Image.new("L", (round(font.getlength(text)) + 20, size + 16), 255 - ink)
    ImageDraw.Draw(picture).text((10, 4), text, ink, font)
    chars, at = [], 0
    seen = text if seen is None else seen
    for char in seen:
        if char.isspace():
            chars.append(Char(char, chars[-1].place, 0.9))
            at = text.index(char, at) + 1
            continue
        at = text.index(char, at)
        middle = 10 + font.getlength(text[:at]) + font.getlength(char) / 2
        chars.append(Char(char, middle, 0.9))
        at += 1
    return chars, np.asarray(picture)


@pytest.mark.parametrize("ink", [0, 255])
def test_spaces_that_were_not_recognised_are_restored_from_the_white_between_letters(ink):
    chars, picture = line("the quick brown fox", "thequickbrownfox", ink=ink)
    assert [piece.text for piece in find_pieces(chars, picture)] == ["the", "quick", "brown", "fox"]


def test_one_lost_space_among_others_is_restored():
    chars, picture = line("the quick brown fox", "the quickbrown fox")
    assert [piece.text for piece in find_pieces(chars, picture)] == ["the", "quick", "brown", "fox"]


@pytest.mark.parametrize("text", ["extraordinary", "1111.11", "will-o'-the-wisp", "illumination"])
def test_a_word_stays_whole(text):
    chars, picture = line(text)
    assert [piece.text for piece in find_pieces(chars, picture)] == [text]


def test_a_box_is_drawn_in_to_the_ink():
    chars, picture = line("dog on")
    dog, on = find_pieces(chars, picture)
    dark = picture < 128
    columns, rows = np.flatnonzero(dark.any(axis=0)), np.flatnonzero(dark.any(axis=1))
    assert (dog.area.left, on.area.right) == (columns[0], columns[-1] + 1)
    assert (dog.area.top, dog.area.bottom) == (rows[0], rows[-1] + 1)
    assert on.area.top > dog.area.top and on.area.bottom < dog.area.bottom


def test_each_letter_has_the_area_of_its_ink():
    chars, picture = line("dot")
    (dot,) = find_pieces(chars, picture)
    d, o, t = dot.letters
    assert (d.left, d.top, t.right) == (dot.area.left, dot.area.top, dot.area.right)
    assert d.right < o.left < o.right < t.left
    assert d.top < t.top < o.top and d.bottom == pytest.approx(o.bottom, abs=1)


def test_what_hangs_in_from_the_line_above_is_not_in_the_box():
    chars, picture = line("moon")
    (alone,) = find_pieces(chars, picture)
    picture = np.array(picture)
    picture[:3, 20:30] = 0
    (beside,) = find_pieces(chars, picture)
    assert (beside.area, beside.letters) == (alone.area, alone.letters)


def test_a_line_without_letters_has_no_words():
    assert find_pieces([], np.full((20, 40), 255, np.uint8)) == []


def test_a_picture_without_ink_gives_the_whole_of_it():
    (piece,) = find_pieces([Char("a", 5.0, 0.5)], np.full((20, 40), 255, np.uint8))
    assert piece.area == (0, 0, 40, 20)
