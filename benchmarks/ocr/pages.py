"""Pages of print whose words and boxes are known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.ocr.handwriting import write_words
from smolvlm_tools.types import Box
from tests.support.frequent_words import LATIN
from tests.support.print_pages import fonts

KINDS = ("clean", "noisy", "rotated", "blank", "receipt")
HANDWRITING = "handwriting"
_WORDS = sorted({word for text in LATIN for word in text.split() if word.isascii()})
_GOODS = ("COFFEE", "TEA", "BREAD", "MILK", "CAKE", "SOUP", "JUICE", "WATER", "RICE", "APPLE")
_SHOPS = ("CORNER CAFE", "CITY MARKET", "GREEN SHOP", "OLD MILL", "SUN BAKERY", "RIVER STORE")


@dataclass(frozen=True, slots=True)
class Known:
    """A page and what is on it.

    Attributes:
        lines: the words of each line.
        boxes: around the ink of every word, in the order of the lines.
    """

    kind: str
    picture: Image.Image
    lines: tuple[tuple[str, ...], ...]
    boxes: tuple[Box, ...]


def draw_page(kind: str, seed: int, written_in: Sequence[str] = ()) -> Known:
    """Draw a page.

    Args:
        written_in: paths of fonts of handwriting, for pages of that kind.
    """
    rng = random.Random(f"{kind} {seed}")
    if kind == "blank":
        return Known(kind, _noisy(Image.new("RGB", (640, 480), "white"), rng, 4), (), ())
    if kind == "receipt":
        lines, font = _receipt(rng), ImageFont.load_default(rng.choice((20, 24)))
    else:
        lines = [rng.choices(_WORDS, k=rng.randint(3, 7)) for _ in range(rng.randint(3, 8))]
        paths, sizes = (written_in, (28, 48)) if kind == HANDWRITING else (fonts(), (18, 36))
        font = ImageFont.truetype(rng.choice(paths), rng.randint(*sizes))
    picture, boxes = write_words(lines, font, rng) if kind == HANDWRITING else _write(lines, font)
    if kind == "rotated":
        picture, boxes = _rotated(picture, boxes, rng.uniform(-4, 4))
    if kind == "noisy":
        picture = _noisy(picture, rng, rng.uniform(10, 35))
    return Known(kind, picture, tuple(map(tuple, lines)), tuple(map(_box, boxes)))


def invented_line(seed: int, count: int = 7) -> str:
    """A line that is on no page."""
    rng = random.Random(f"invented {seed}")
    return " ".join(rng.choices(_WORDS, k=count))


def _receipt(rng: random.Random) -> list[list[str]]:
    """A few lines in the type that the embedded model has learned to read."""
    goods = [
        [str(rng.randint(1, 9)), rng.choice(_GOODS), f"{rng.randint(100, 2999) / 100:.2f}"]
        for _ in range(rng.randint(1, 4))
    ]
    total = ["TOTAL", f"{rng.randint(300, 9999) / 100:.2f}"]
    return [rng.choice(_SHOPS).split(), *goods, total, ["THANK", "YOU!"]]


def _write(lines: Sequence[Sequence[str]], font: Any) -> tuple[Image.Image, list[list[Any]]]:
    """Write lines; of each word the corners of its ink, clockwise from the top left."""
    ascent, descent = font.getmetrics()
    space, step = font.getlength(" "), round((ascent + descent) * 1.3)
    width = max(sum(font.getlength(w) + space for w in line) for line in lines)
    picture = Image.new("RGB", (round(width) + 80, step * len(lines) + 80), "white")
    draw, corners = ImageDraw.Draw(picture), list[list[Any]]()
    for number, line in enumerate(lines):
        x, y = 40.0, 40.0 + number * step
        for word in line:
            draw.text((round(x), y), word, "black", font)
            left, top, right, bottom = draw.textbbox((round(x), y), word, font)
            corners.append([(left, top), (right, top), (right, bottom), (left, bottom)])
            x += font.getlength(word) + space
    return picture, corners


def _rotated(
    picture: Image.Image, corners: list[list[Any]], degrees: float
) -> tuple[Image.Image, list[list[Any]]]:
    """Turn a page about its middle, counter-clockwise."""
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point[0] - picture.width / 2, point[1] - picture.height / 2
        return (turned.width / 2 + x * cos + y * sin, turned.height / 2 - x * sin + y * cos)

    return turned, [[place(point) for point in word] for word in corners]


def _noisy(picture: Image.Image, rng: random.Random, deviation: float) -> Image.Image:
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, deviation, picture.size[::-1])
    levels = np.asarray(picture, dtype=np.float32) + noise[:, :, None]
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def _box(corners: Sequence[Any]) -> Box:
    across, down = zip(*corners, strict=True)
    return Box(left=min(across), top=min(down), right=max(across), bottom=max(down))
