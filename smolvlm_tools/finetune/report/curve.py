"""`loss.png`: the loss of every step and of the held-out samples, drawn with Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_SIZE = (960, 540)
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 48, 24, 64
_INK, _GRID = (40, 40, 40), (225, 225, 225)
_TRAIN, _SMOOTH, _HELD = (190, 210, 235), (31, 90, 170), (210, 80, 20)
_TICKS = 6

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to pixels, and where its marks are."""

    low: float
    high: float
    first: float
    last: float
    """Pixels of `low` and `high`."""

    def at(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.first + share * (self.last - self.first)

    @property
    def marks(self) -> list[float]:
        """Round values within it, about `_TICKS` of them."""
        step = round_step((self.high - self.low) / _TICKS)
        count = math.floor(self.high / step) - math.ceil(self.low / step) + 1
        return [round((math.ceil(self.low / step) + at) * step, 10) for at in range(count)]


def round_step(step: float) -> float:
    """The next larger of 1, 2, 5, 10, …, times a power of ten."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * 0.999)


def draw_curve(
    losses: Sequence[Point], held_out: Sequence[Point], unit: str = "nats a token"
) -> Image.Image:
    """Draw it.

    Args:
        losses: (step, loss) of training; shown pale, and smoothed over a twentieth of the run.
        held_out: (step, loss) of samples that are held apart.

    Returns:
        960x540 RGB; an empty frame where there is nothing to draw.
    """
    losses = [point for point in losses if math.isfinite(point[1])]
    held_out = [point for point in held_out if math.isfinite(point[1])]
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    points = [*losses, *held_out] or [(0.0, 0.0), (1.0, 1.0)]
    across = Axis(0, max(max(x for x, _ in points), 1), _LEFT, _SIZE[0] - _RIGHT)
    top = max(y for _, y in points) * 1.05 or 1.0
    up = Axis(0, top, _SIZE[1] - _BOTTOM, _TOP)
    _frame(draw, across, up, unit)

    def place(point: Point) -> Point:
        return across.at(point[0]), up.at(point[1])

    _line(draw, [place(point) for point in losses], _TRAIN, 1)
    _line(draw, [place(point) for point in smoothed(losses)], _SMOOTH, 3)
    _line(draw, [place(point) for point in held_out], _HELD, 3)
    for x, y in map(place, held_out):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_HELD)
    _legend(draw, bool(held_out))
    return image


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Each value as the mean of those around it, a twentieth of the run."""
    reach = len(points) // 40
    found: list[Point] = []
    for at, (step, _) in enumerate(points):
        near = points[max(0, at - reach) : at + reach + 1]
        found.append((step, sum(value for _, value in near) / len(near)))
    return found


def _frame(draw: ImageDraw.ImageDraw, across: Axis, up: Axis, unit: str) -> None:
    font = ImageFont.load_default(15)
    bottom = up.first
    for mark in up.marks:
        y = up.at(mark)
        draw.line((across.first, y, across.last, y), fill=_GRID)
        draw.text((across.first - 10, y), f"{mark:g}", fill=_INK, font=font, anchor="rm")
    whole = [mark for mark in across.marks if mark == round(mark)]
    for mark in whole:
        x = across.at(mark)
        draw.line((x, bottom, x, bottom + 5), fill=_INK)
        draw.text((x, bottom + 9), f"{mark:g}", fill=_INK, font=font, anchor="mt")
    draw.line((across.first, up.last, across.first, bottom, across.last, bottom), fill=_INK)
    middle = (across.first + across.last) / 2
    draw.text((middle, _SIZE[1] - 14), "optimizer step", fill=_INK, font=font, anchor="ms")
    draw.text((12, 14), f"loss ({unit})", fill=_INK, font=font, anchor="lt")


def _legend(draw: ImageDraw.ImageDraw, has_held_out: bool) -> None:
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont = ImageFont.load_default(15)
    names = [("training", _SMOOTH), *([("held out", _HELD)] if has_held_out else [])]
    x = _SIZE[0] - _RIGHT - 110 * len(names)
    for name, colour in names:
        draw.line((x, 22, x + 24, 22), fill=colour, width=3)
        draw.text((x + 30, 22), name, fill=_INK, font=font, anchor="lm")
        x += 110


def _line(
    draw: ImageDraw.ImageDraw, points: list[Point], fill: tuple[int, int, int], width: int
) -> None:
    if len(points) > 1:
        draw.line(points, fill=fill, width=width, joint="curve")
