"""Reads a page upright, and says where its words are on the page as it lies."""

from __future__ import annotations

from PIL import Image

from ...types import Box, Word
from ..loaded import TURNS
from ..reading_orientation import quarter_turns
from .recognizer import Recognizer
from .spelt import moved


def read_words(pixels: Image.Image, recognizer: Recognizer) -> tuple[Word, ...]:
    """The words of an RGB image, with boxes in pixels of it; see `Recognizer.read`.

    A page on its side or head is turned upright for it, as the model has it.
    """
    turns = quarter_turns(pixels)
    if not turns:
        return recognizer.read(pixels)
    words = recognizer.read(pixels.transpose(TURNS[turns]))
    return tuple(moved(word, lambda box: _turned_back(box, turns, pixels.size)) for word in words)


def _turned_back(box: Box, turns: int, size: tuple[int, int]) -> Box:
    """A box of a page that was turned clockwise by `turns` quarters, before it was.

    Args:
        size: (width, height) before.
    """
    width, height = size
    if turns == 1:  # what was at the bottom left has come to the top left
        return Box(left=box.top, top=height - box.right, right=box.bottom, bottom=height - box.left)
    if turns == 2:
        return Box(
            left=width - box.right,
            top=height - box.bottom,
            right=width - box.left,
            bottom=height - box.top,
        )
    return Box(left=width - box.bottom, top=box.left, right=width - box.top, bottom=box.right)
