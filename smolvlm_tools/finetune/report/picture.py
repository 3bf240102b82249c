"""`samples.png`: images beside what was asked, expected, and answered before and after."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ...errors import SmolVLMError
from ...images import load_image
from .result import Answered
from .scores import is_exact

_WIDTH, _SIDE, _GAP = 960, 180, 16
_LINE, _LONGEST = 20, 4
_INK, _DIM, _RIGHT, _WRONG = (30, 30, 30), (120, 120, 120), (20, 120, 50), (180, 40, 30)
_LABEL = 84


def draw_samples(answers: Sequence[Answered]) -> Image.Image:
    """One row for each, 960 pixels wide; texts beyond four lines are cut."""
    rows = [_row(each) for each in answers]
    height = max(sum(row.height + _GAP for row in rows) + _GAP, 2 * _GAP)
    page, y = Image.new("RGB", (_WIDTH, height), "white"), _GAP
    draw = ImageDraw.Draw(page)
    for row in rows:
        page.paste(row, (0, y))
        y += row.height + _GAP
        draw.line((_GAP, y - _GAP // 2, _WIDTH - _GAP, y - _GAP // 2), fill=(225, 225, 225))
    return page


def _row(each: Answered) -> Image.Image:
    font = ImageFont.load_default(15)
    left = _GAP + _SIDE + _GAP
    room = _WIDTH - left - _LABEL - _GAP
    lines: list[tuple[str, str, tuple[int, int, int]]] = [("", each.place, _DIM)]
    texts = [
        ("asked", each.question, _INK),
        ("expected", each.expected, _INK),
        ("before", each.before, _colour(each.before, each.expected)),
        ("after", each.after, _colour(each.after, each.expected)),
    ]
    for label, text, colour in texts:
        for at, line in enumerate(wrapped(text or "(nothing)", font, room)):
            lines.append((label if not at else "", line, colour))
    row = Image.new("RGB", (_WIDTH, max(_SIDE, _LINE * len(lines))), "white")
    draw = ImageDraw.Draw(row)
    if each.image is not None:
        row.paste(_thumbnail(each.image), (_GAP, 0))
    for at, (label, text, colour) in enumerate(lines):
        draw.text((left, at * _LINE), label, fill=_DIM, font=font)
        draw.text((left + (_LABEL if at else 0), at * _LINE), text, fill=colour, font=font)
    return row


def wrapped(
    text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, room: float
) -> list[str]:
    """Lines that fit the room, broken between words where that is possible."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= room:
                line = longer
                continue
            if line:
                lines.append(line)
            while font.getlength(word) > room:
                cut = next(n for n in range(len(word), 0, -1) if font.getlength(word[:n]) <= room)
                lines.append(word[:cut])
                word = word[cut:]
            line = word
        lines.append(line)
    return lines if len(lines) <= _LONGEST else [*lines[: _LONGEST - 1], lines[_LONGEST - 1] + " …"]


def _thumbnail(source: str) -> Image.Image:
    try:
        pixels = load_image(source).pixels
    except SmolVLMError:  # it was there while the model learned; the report says its place
        return Image.new("RGB", (_SIDE, _SIDE), (235, 235, 235))
    return ImageOps.contain(pixels, (_SIDE, _SIDE))


def _colour(said: str, wanted: str) -> tuple[int, int, int]:
    return _RIGHT if is_exact(said, wanted) else _WRONG
