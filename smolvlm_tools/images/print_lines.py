"""Finds lines of print in a picture, by the ink of its rows.

The picture is cut into narrow strips; all that is looked at afterwards is how much ink each row of
each strip has. A few strips side by side are a window, wide enough for some ten letters, so that
neither skew nor columns blur its lines. In a window the rows between the base line and the mean
line of print, the x-height, have most ink; what lies above are ascenders, below descenders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]

LOOKS = 2
"""How often each line is seen: by windows that overlap by half."""

_STRIP = 16  # pixels
_PER_WINDOW = 6  # strips, where the x-height is about 7 pixels
_SCALES = (1.0, 1.41, 2.0, 2.83, 4.0, 5.66)
_X_HEIGHTS = range(5, 15)
_SKEWS = tuple(range(-4, 5))  # degrees
_NEAR, _DEEP = 0.1, 0.3  # x-heights
_ENOUGH = 0.45  # of the area at the best scale; coarse ones fuse the x-height with what is above
_LEAST_CONTRAST = 24  # of 255 levels


@dataclass(frozen=True, slots=True)
class Lines:
    """Pieces of printed lines, each as wide as a window; arrays have an entry per piece.

    Attributes:
        area: x-height times width of all pieces, in pixels.
        share: of all ink of the picture, what lies within the x-height of the pieces, 0 to 1.
        above, below: ink per row where ascenders and descenders are, relative to the x-height's.
        strokes: how many strokes a row within the x-height crosses.
    """

    area: float
    share: float
    above: Floats
    below: Floats
    strokes: Floats


def find_ink(grey: Image.Image) -> Image.Image | None:
    """How much darker each pixel is than the paper, or lighter than a dark ground: 0 to 255.

    None where the picture has no contrast.
    """
    dark, middle, light = _levels(grey, (0.004, 0.5, 0.996))
    if light - dark < _LEAST_CONTRAST:
        return None
    if middle < (dark + light) / 2:
        grey = ImageChops.invert(grey)
    paper = grey.reduce(8).filter(ImageFilter.MaxFilter(5))
    paper = paper.resize((paper.width * 8, paper.height * 8), Image.Resampling.NEAREST)
    darker = ImageChops.subtract(paper.crop((0, 0, *grey.size)), grey)
    (full,) = _levels(darker, (0.996,))
    if full < _LEAST_CONTRAST:
        return None
    # Under 0.3 of full ink is noise, over 0.7 is full.
    return darker.point([int(min(max(v / full - 0.3, 0) / 0.4, 1) * 255) for v in range(256)])


def _levels(grey: Image.Image, shares: tuple[float, ...]) -> list[int]:
    counts = np.cumsum(grey.histogram())
    return [int(np.searchsorted(counts, share * counts[-1])) for share in shares]


def find_lines(ink: Image.Image) -> Lines:
    """The lines that run from left to right, at the finest scale at which most are found."""
    strips = _strips(ink)
    changes = _strips(ImageChops.difference(ink, ImageChops.offset(ink, 1, 0)))
    skew = _find_skew(strips)
    found: list[Lines] = []
    for scale in _SCALES:
        if ink.height < scale * 3 * _X_HEIGHTS[-1]:
            break
        per_window = round(_PER_WINDOW * scale)
        rows = _windows(strips, per_window, skew, scale)
        changing = _windows(changes, per_window, skew, scale)
        found.append(_pieces(rows, changing, per_window * _STRIP, scale))
    most = max((lines.area for lines in found), default=0.0)
    finest = next((lines for lines in found if lines.area > _ENOUGH * most), None)
    if finest is None:
        return Lines(0.0, 0.0, *(np.zeros(0) for _ in range(3)))
    return replace(finest, area=most)


def _windows(strips: Floats, per_window: int, skew: float, scale: float) -> Floats:
    """[windows, rows / scale] the ink of windows, and of as many moved by half a window.

    So no letter lies across the edge of a window in both.
    """
    moved = np.pad(strips, ((per_window // 2, 0), (0, 0)))
    both = [_merge(each, per_window, skew) for each in (strips, moved)]
    return _shrink(np.concatenate(both), scale)


def _strips(ink: Image.Image) -> Floats:
    """[strips, rows] the mean of each row of each strip, 0 to 1."""
    rows = np.asarray(ink.reduce((_STRIP, 1)), np.float32) / 255
    return np.ascontiguousarray(rows.T)


def _merge(strips: Floats, per_window: int, skew: float) -> Floats:
    """[windows, rows] the mean of each row, taken along lines that fall by `skew` degrees."""
    count, height = strips.shape
    windows = -(-count // per_window)
    strips = np.pad(strips, ((0, windows * per_window - count), (0, 0)))
    strips = strips.reshape(windows, per_window, height)
    step = np.tan(np.radians(skew)) * _STRIP
    rows = np.zeros((windows, height), np.float32)
    for place in range(per_window):
        fall = min(max(round(step * (place - (per_window - 1) / 2)), 1 - height), height - 1)
        if fall >= 0:
            rows[:, : height - fall] += strips[:, place, fall:]
        else:
            rows[:, -fall:] += strips[:, place, :fall]
    return rows / per_window


def _find_skew(strips: Floats) -> float:
    """The angle, to half a degree, at which rows differ most from the next (Postl 1986)."""

    def contrast(skew: float) -> float:
        return float((np.diff(_merge(strips, _PER_WINDOW, skew)) ** 2).sum())

    coarse = max(_SKEWS, key=contrast)
    return max((coarse, coarse - 0.5, coarse + 0.5), key=contrast)


def _shrink(rows: Floats, scale: float) -> Floats:
    """[windows, rows / scale] the mean of every `scale` rows, which need not be whole."""
    if scale == 1:
        return rows
    height = rows.shape[1]
    sums = _sums(rows)
    edges = np.arange(int(height / scale) + 1) * scale
    whole = np.minimum(edges.astype(int), height - 1)
    part = edges - whole
    return np.diff(sums[:, whole] * (1 - part) + sums[:, whole + 1] * part) / scale


def _sums(rows: Floats) -> Floats:
    """[windows, rows + 1] the sum of all rows before each."""
    sums = np.zeros((rows.shape[0], rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    return sums


def _pieces(rows: Floats, changes: Floats, width: int, scale: float) -> Lines:
    """Pieces of lines whose x-height is in `_X_HEIGHTS`.

    Args:
        rows: [windows, rows] the share of ink.
        changes: [windows, rows] how much ink changes from a pixel to the next.
        width: of a window, in pixels.
        scale: pixels per row.
    """
    window, top, bottom = _bands(rows)
    tall = bottom - top
    sums, total = _sums(rows), _sums(changes)
    ink = (sums[window, bottom] - sums[window, top]) / tall
    change = (total[window, bottom] - total[window, top]) / tall
    # The row beside the x-height is left out: blur and skew spill ink into it.
    near = np.maximum(1, np.rint(_NEAR * tall).astype(int))
    deep = np.maximum(1, np.rint(_DEEP * tall).astype(int))
    far = near + deep
    above = (sums[window, top - near] - sums[window, top - far]) / deep / ink
    below = (sums[window, bottom + far] - sums[window, bottom + near]) / deep / ink
    gap = np.maximum(
        _lowest(rows, window, top - 1, tall, -1), _lowest(rows, window, bottom, tall, 1)
    )
    letters = (gap < 0.15 * ink) & (ink > 0.1) & (ink < 0.7) & (change * tall * scale > 1)
    letters &= (above < 0.8) & (below < 0.8)
    return Lines(
        float(tall[letters].sum()) * width * scale / LOOKS,
        float((ink * tall)[letters].sum() / max(rows.sum(), 1e-6)),
        above[letters],
        below[letters],
        (change / 2 * width)[letters],
    )


def _bands(rows: Floats) -> tuple[Rows, Rows, Rows]:
    """Window, first row and row after the last of what may be the x-height of a line."""
    height = rows.shape[1]
    smooth = _smoothed(rows)
    highest = _highest_near(smooth, 16)
    inside = np.pad((smooth > 0.5 * highest) & (highest > 0.05), ((0, 0), (1, 1)))
    edges = np.diff(inside.astype(np.int8))
    window, top = np.nonzero(edges == 1)
    bottom = np.nonzero(edges == -1)[1]
    tall = bottom - top
    fits = (tall >= _X_HEIGHTS[0]) & (tall <= _X_HEIGHTS[-1])
    fits &= (top >= 2 * tall) & (bottom + 2 * tall <= height)
    return window[fits], top[fits], bottom[fits]


def _smoothed(rows: Floats) -> Floats:
    """Each row's mean with its two neighbours."""
    padded = np.pad(rows, ((0, 0), (1, 1)))
    return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3


def _lowest(rows: Floats, window: Rows, start: Rows, tall: Rows, way: int) -> Floats:
    """The least ink of the rows from `start` on, within 1.5 x-heights: 0 between two lines."""
    least = rows[window, start]
    for step in range(1, int(1.5 * _X_HEIGHTS[-1])):
        row = np.where(step < 1.5 * tall, start + way * step, start)
        least = np.minimum(least, rows[window, row])
    return least


def _highest_near(rows: Floats, reach: int) -> Floats:
    """The maximum within `reach` rows of each row."""
    highest, have = np.pad(rows, ((0, 0), (reach, reach))), 1
    while have < 2 * reach + 1:
        step = min(have, 2 * reach + 1 - have)
        highest = np.maximum(highest[:, :-step], highest[:, step:])
        have += step
    return highest
