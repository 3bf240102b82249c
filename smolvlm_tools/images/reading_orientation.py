"""Says by how many quarter turns a picture of print has to be turned to be upright.

Rows of print show by the ink of their lines: letters between two white gaps, in one direction only
(the projection profiles of Postl, "Detection of linear oblique structures and skew scan in
digitized documents", 1986). Up and down show by the letters of Latin print, which rise above the
x-height (b d f h k l t, capitals, figures, dots and accents) more often than they hang below it
(g j p q y, commas), as counted by Bloomberg, Kopec and Dasari, "Measuring document image skew and
orientation", SPIE 2422 (1995), and by Leptonica after them.

Other scripts, tables of figures, capitals, charts and scenes have no such excess, or not as much of
it as Latin print, and are left as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from .print_lines import LOOKS, Lines, find_ink, find_lines

_LONGEST = 1600  # pixels; print of 8 points on a page of A4 has an x-height of 6 then
_SMALLEST = 64  # pixels
_LINES_ACROSS = 0.4  # of the area of those along; a grid, or type of equal widths, has more
_DIFFERS = 0.02  # of the ink of the x-height: less is neither above nor below


class _Certainty(NamedTuple):
    """How much of each kind of evidence is needed."""

    deviations: float
    """Standard deviations by which strokes above, and pieces with more above, are in excess."""
    ratio: float
    """Strokes above the x-height for each below it."""
    pieces: float
    """Of all pieces of lines, those with more above."""
    strokes: float
    """Of the strokes of the x-height, those that rise above it: few in figures with commas."""


_ON_ITS_SIDE = (_Certainty(1.6, 2, 0.75, 0.055), _Certainty(2.5, 1.35, 0.62, 0.055))
"""Such a page is unreadable as it is, so a wrong turn costs little. Either set is enough."""

_ON_ITS_HEAD = (_Certainty(5.2, 1.5, 0.68, 0.06),)
"""A wrong turn would spoil a page that is upright."""


def quarter_turns(pixels: Image.Image) -> int:
    """How many quarter turns clockwise (0 to 3) make a picture of print upright.

    0 also where there is no print, too little of it, or any doubt. Print that leans by up to three
    degrees, in columns, light on dark or noisy counts. At 75 dots per inch, 10 points is about the
    smallest print that can be seen.

    Args:
        pixels: of any mode and size.
    """
    if min(pixels.size) < _SMALLEST:
        return 0
    grey = pixels.convert("L")
    scale = _LONGEST / max(grey.size)
    if scale < 1:
        size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
        grey = grey.resize(size, Image.Resampling.BOX)
    ink = find_ink(grey)
    if ink is None:
        return 0
    level = find_lines(ink)
    upwards = find_lines(ink.transpose(Image.Transpose.ROTATE_90))
    if level.area >= upwards.area:
        return 2 if _is_print(level, upwards) and _stands_on_its_head(level, _ON_ITS_HEAD) else 0
    if not _is_print(upwards, level):
        return 0
    if _stands_on_its_head(upwards, _ON_ITS_SIDE):
        return 1
    return 3 if _stands_on_its_head(_overturned(upwards), _ON_ITS_SIDE) else 0


def _is_print(lines: Lines, across: Lines) -> bool:
    """Whether the lines are clear, and not a few labels of a chart or a scene."""
    pieces = len(lines.above) / LOOKS
    if pieces < 6 or lines.share < (0.15 if pieces >= 60 else 0.4):
        return False
    few_across = len(across.above) / LOOKS <= 0.2 * pieces  # large ones, as in pictures on the page
    return few_across or across.area <= _LINES_ACROSS * lines.area


def _overturned(lines: Lines) -> Lines:
    return Lines(lines.area, lines.share, lines.below, lines.above, lines.strokes)


def _stands_on_its_head(lines: Lines, enough: tuple[_Certainty, ...]) -> bool:
    """Whether what should be above the x-height is below."""
    rising = float((lines.below * lines.strokes).sum()) / LOOKS
    hanging = float((lines.above * lines.strokes).sum()) / LOOKS
    excess = lines.below - lines.above
    clear = excess[np.abs(excess) > _DIFFERS]
    if not len(clear):
        return False
    pieces = float((clear > 0).mean())
    found = _Certainty(
        min(
            (rising - hanging) / (rising + hanging + 1) ** 0.5,  # counts vary by their root
            (2 * pieces - 1) * (len(clear) / LOOKS) ** 0.5,
        ),
        rising / (hanging + 0.01),
        pieces,
        rising * LOOKS / float(lines.strokes.sum()),
    )
    return any(
        all(have > need for have, need in zip(found, needed, strict=True)) for needed in enough
    )
