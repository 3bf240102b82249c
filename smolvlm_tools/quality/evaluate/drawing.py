"""Pictures of a report: bars with intervals, and a contact sheet of the lowest scores."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from ...errors import SmolVLMError
from ...images import load_image
from ...unsafe import UNSAFE_ON_A_LINE
from .report import Answered, EvaluationReport, Interval
from .samples import Sample

_INK, _PALE, _BAR, _CARD, _PAPER = "#1f2328", "#d0d7de", "#2f6f9f", "#b35900", "white"
_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 900, 30, 300, 170, 60
_MOST_ROWS = 40
_CELL, _PICTURE, _LINES = 300, 200, 7
_ACROSS = 4


def draw_scores(report: EvaluationReport) -> Image.Image:
    """A bar for the whole and for each category, with its interval, and the card's score.

    Of over 40 categories the first are drawn; the title says so.
    """
    rows = [("all", report.samples, report.score, report.interval)]
    rows += [(each.name, each.samples, each.score, each.interval) for each in report.categories]
    shown = rows[:_MOST_ROWS]
    image = Image.new("RGB", (_WIDTH, _TOP + _ROW * len(shown) + 40), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    title = f"{report.task}: {report.metric}, {report.model} ({report.samples} samples)"
    if len(shown) < len(rows):
        title += f"; {len(shown)} of {len(rows)} rows"
    draw.text((20, 16), _clean(title, 110), _INK, ImageFont.load_default(16))
    bottom = _TOP + _ROW * len(shown)
    for mark in range(0, 101, 20):
        draw.line((_x(mark), _TOP - 6, _x(mark), bottom), _PALE)
        draw.text((_x(mark), bottom + 6), f"{mark}", _INK, font, anchor="ma")
    for at, row in enumerate(shown):
        _bar(draw, _TOP + _ROW * at, *row)
    if report.published:
        x = _x(report.published.score)
        draw.line((x, _TOP - 6, x, _TOP + _ROW - 4), _CARD, 3)
        draw.text((x, _TOP - 8), f"card {report.published.score:g}", _CARD, font, anchor="md")
    return image


def draw_worst(worst: Sequence[Answered], samples: Mapping[int, Sample]) -> Image.Image:
    """A cell for each sample: its first image, the question, what was said and what is right."""
    across = min(_ACROSS, len(worst))
    down = -(-len(worst) // across)
    height = _PICTURE + 17 * _LINES + 20
    sheet = Image.new("RGB", (_CELL * across, height * down), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for at, each in enumerate(worst):
        left, top = _CELL * (at % across), height * (at // across)
        picture = _thumbnail(samples[each.number])
        if picture is None:
            draw.text((left + 10, top + 80), "the image cannot be read", _CARD, font)
        else:
            sheet.paste(picture, (left + 10, top + 10))
        draw.multiline_text((left + 10, top + _PICTURE + 12), _words(each), _INK, font)
    return sheet


def _bar(
    draw: ImageDraw.ImageDraw, top: int, name: str, samples: int, score: float, interval: Interval
) -> None:
    font, middle = ImageFont.load_default(14), top + _ROW // 2 - 2
    draw.text((_LEFT - 12, middle), _clean(name or "(none)", 36), _INK, font, anchor="rm")
    draw.rectangle((_x(0), top + 4, _x(score), top + _ROW - 8), _BAR)
    draw.line((_x(interval.low), middle, _x(interval.high), middle), _INK, 2)
    for end in (interval.low, interval.high):
        draw.line((_x(end), middle - 5, _x(end), middle + 5), _INK, 2)
    words = f"{score:.1f}  ({samples})"
    draw.text((_WIDTH - _RIGHT + 30, middle), words, _INK, font, anchor="lm")


def _x(score: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * score / 100


def _thumbnail(sample: Sample) -> Image.Image | None:
    """Its first image, small; None where it cannot be read, which its error says already."""
    if not sample.images:
        return None
    try:
        picture = load_image(sample.images[0]).pixels.convert("RGB")
    except SmolVLMError:
        return None
    picture.thumbnail((_CELL - 20, _PICTURE - 10))
    return picture


def _words(each: Answered) -> str:
    said = each.error if each.reply is None else each.reply
    parts = (
        (f"{each.id}  score {each.score:.2f}", 1),
        (each.question, 2),
        (f"said: {said}", 2),
        (f"right: {' / '.join(each.answers)}", 2),
    )
    lines: list[str] = []
    for text, most in parts:
        lines += textwrap.wrap(_clean(text, 400), 44, max_lines=most, placeholder=" …") or [""]
    return "\n".join(lines)


def _clean(text: str, longest: int) -> str:
    text = UNSAFE_ON_A_LINE.sub(" ", text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
