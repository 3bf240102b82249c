"""Parts of a line that is very long for its height.

The recogniser scales a line to 48 pixels of height and reads it at once: what that takes grows with
the line's length, which nothing else bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .line_ink import find_ink, runs

LONGEST = 50
"""Times as long as high that a line is read at once; a line across a page of A4 has about 40."""


class Part(NamedTuple):
    """Columns of a line.

    Attributes:
        start: the first.
        end: the one after the last.
        after_space: whether white stands before it that is as wide as a space.
    """

    start: int
    end: int
    after_space: bool = False


def parts_of(picture: NDArray[np.uint8]) -> list[Part]:
    """Cut a line where the white between its letters is widest; through ink where there is none.

    Args:
        picture: (height, width) grey levels.
    """
    height, width = picture.shape
    longest = LONGEST * height
    if width <= longest:
        return [Part(0, width)]
    blank = ~np.asarray(find_ink(picture).any(axis=0))
    parts: list[Part] = []
    start, after_space = 0, False
    while width - start > longest:
        first, last = start + longest * 3 // 4, start + longest
        whites = runs(blank[first:last]) or [(last - first, last - first)]
        left, right = max(whites, key=lambda run: run[1] - run[0])
        end = first + (left + right) // 2
        parts.append(Part(start, end, after_space))
        start, after_space = end, right - left >= height / 5
    return [*parts, Part(start, width, after_space)]
