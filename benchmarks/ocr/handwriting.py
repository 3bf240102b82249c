"""Words in a font of handwriting, no two letters of which stand alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFont

from smolvlm_tools import BadOptions

_INK = 128  # of 255: fainter is the edge of a stroke


def handwriting_fonts(paths: Sequence[str]) -> list[str]:
    """The paths, all of fonts.

    Raises:
        BadOptions: one cannot be read.
    """
    for path in paths:
        try:
            ImageFont.truetype(path, 20)
        except OSError as error:
            raise BadOptions(
                f"--handwriting {path} cannot be read ({error})", "Name a TrueType font."
            ) from error
    return list(paths)


def write_words(
    lines: Sequence[Sequence[str]], font: Any, rng: random.Random
) -> tuple[Image.Image, list[list[Any]]]:
    """Write lines; of each word the corners of its ink, clockwise from the top left.

    A page has one slant; every letter is turned a little, and stands a little above or below.
    """
    slant, margin = rng.uniform(-0.1, 0.25), 2 * round(font.size)
    space, step = 1.3 * font.getlength(" "), round(sum(font.getmetrics()) * 1.3)
    width = max(sum(font.getlength(word) + space for word in line) for line in lines)
    size = (round(width) + 2 * margin, step * len(lines) + 2 * margin)
    picture, corners = Image.new("RGB", size, "white"), list[list[Any]]()
    for number, line in enumerate(lines):
        x, y = margin, margin + number * step
        for word in line:
            ink, before = _written(word, font, slant, rng)
            picture.paste("black", (x - before, y - before), ink)
            box = ink.point(lambda level: 255 * (level > _INK)).getbbox() or (0, 0, *ink.size)
            left, right = (x - before + at for at in box[::2])
            top, bottom = (y - before + at for at in box[1::2])
            corners.append([(left, top), (right, top), (right, bottom), (left, bottom)])
            x += round(font.getlength(word) + space)
    return picture, corners


def _written(word: str, font: Any, slant: float, rng: random.Random) -> tuple[Image.Image, int]:
    """The ink of a word as a mask, and the pixels before it on every side."""
    before = round(font.size)
    line = before + font.getmetrics()[0]  # the letters stand on it
    size = (round(font.getlength(word)) + 2 * before, sum(font.getmetrics()) + 2 * before)
    ink, x = Image.new("L", size), float(before)
    for letter in word:
        own = Image.new("L", size)
        y = before + rng.uniform(-0.04, 0.04) * font.size
        ImageDraw.Draw(own).text((x, y), letter, 255, font)
        turned = own.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, center=(x, line))
        ink = ImageChops.lighter(ink, turned)
        x += font.getlength(letter)
    lean = (1, slant, -slant * line, 0, 1, 0)
    return ink.transform(size, Image.Transform.AFFINE, lean, Image.Resampling.BICUBIC), before
