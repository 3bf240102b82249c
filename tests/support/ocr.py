"""What tests of a second reading have in common."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from PIL import Image, ImageDraw, ImageFont

from smolvlm_tools.types import Box, Word
from tests.support.paths import RECEIPT

ocr_only = pytest.mark.skipif(
    not (find_spec("rapidocr") and find_spec("rapidfuzz")),
    reason="the extra `ocr` is not installed",
)
fuzz_only = pytest.mark.skipif(
    not find_spec("rapidfuzz"), reason="the extra `ocr` is not installed"
)


def words(*lines: str, confidence: float = 0.99) -> tuple[Word, ...]:
    """Recognised words of lines, each 10 pixels wide for every letter and 20 high."""
    return tuple(
        Word(
            text=text,
            box=Box(left=10 * start, top=30 * row, right=10 * (start + len(text)),
                    bottom=30 * row + 20),
            confidence=confidence,
            line=row,
        )
        for row, line in enumerate(lines)
        for start, text in _places(line)
    )  # fmt: skip


def _places(line: str) -> list[tuple[int, str]]:
    found, at = [], 0
    for text in line.split():
        found.append((at, text))
        at += len(text) + 1
    return found


def written(*lines: str, size: int = 28) -> tuple[Image.Image, list[Box]]:
    """A page of print, and the box of the ink of each word."""
    font = ImageFont.load_default(size)
    page = Image.new("RGB", (640, 60 + 2 * size * len(lines)), "white")
    draw, boxes = ImageDraw.Draw(page), []
    for row, line in enumerate(lines):
        x, y = 40, 30 + 2 * size * row
        for word in line.split():
            draw.text((x, y), word, "black", font)
            left, top, right, bottom = draw.textbbox((x, y), word, font)
            boxes.append(Box(left=left, top=top, right=right, bottom=bottom))
            x += round(font.getlength(word + " "))
    return page, boxes


def longer_receipt() -> Image.Image:
    """The receipt with a line in another type, of which the embedded model misreads some."""
    with Image.open(RECEIPT) as receipt:
        longer = Image.new("RGB", (receipt.width, receipt.height + 50), "white")
        longer.paste(receipt)
    font = ImageFont.load_default(20)
    ImageDraw.Draw(longer).text((25, 185), "Table 12, served by Mia", "black", font)
    return longer


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    return common / (one.area + other.area - common)
