"""From the pixels of one line of print: where its words are, and spaces that were not recognised.

A recogniser knows about where it saw each character, and loses some spaces of Latin print. The
white between the strokes says both exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_CONTRAST = 16  # of 256 levels: less is paper
_NO_SPACES_WRITTEN = 0x2E80  # Chinese, Japanese and what stands beside them in Unicode


class Char(NamedTuple):
    """A recognised character.

    Attributes:
        text: it; a space stands between two others.
        place: about where its middle is, in pixels from the line's left end.
        confidence: its probability.
    """

    text: str
    place: float
    confidence: float


class Area(NamedTuple):
    """A rectangle in pixels of the line's own picture."""

    left: float
    top: float
    right: float
    bottom: float


class Piece(NamedTuple):
    """A word of a line, with the ink of the whole and of each of its letters."""

    text: str
    area: Area
    confidence: float
    letters: tuple[Area, ...]


def find_pieces(chars: Sequence[Char], picture: NDArray[np.uint8]) -> list[Piece]:
    """Cut the characters of a line into words, each with the box of its ink.

    Args:
        picture: (height, width) grey levels, the line lying level.
    """
    ink = find_ink(picture)
    letters = [char for char in chars if not char.text.isspace()]
    if not letters:
        return []
    gaps = _gaps_between(letters, ink)
    spaced = _spaced(chars)
    wide = _wide(letters, spaced, gaps, ink)
    cuts = [at for at in range(len(gaps)) if spaced[at] or wide[at]]
    edges = [0.0, *((start + end) / 2 for start, end in gaps), float(picture.shape[1])]
    starts = [0, *(at + 1 for at in cuts), len(letters)]
    return [
        _piece(letters[first:end], edges[first : end + 1], ink) for first, end in pairwise(starts)
    ]


def find_ink(picture: NDArray[np.uint8]) -> Mask:
    """Where the print is, dark on light or light on dark."""
    levels = picture.astype(np.int16)
    differs = np.abs(levels - int(np.median(levels)))
    most = float(np.percentile(differs, 98)) if differs.size else 0.0
    return differs > max(most / 2, _CONTRAST)


def _any(ink: Mask, axis: int) -> Mask:
    """Which columns (axis 0) or rows (axis 1) have ink."""
    return np.asarray(ink.any(axis=axis))


def _gaps_between(letters: Sequence[Char], ink: Mask) -> list[tuple[float, float]]:
    """The widest stretch without ink between the middles of each two neighbours."""
    columns = _any(ink, 0)
    found: list[tuple[float, float]] = []
    for one, next_one in pairwise(letters):
        first, end = int(one.place), int(next_one.place) + 1
        best = (middle := (one.place + next_one.place) / 2, middle)
        for start, stop in runs(~columns[first:end]):
            if stop - start > best[1] - best[0]:
                best = (float(first + start), float(first + stop))
        found.append(best)
    return found


def runs(flags: Mask) -> list[tuple[int, int]]:
    """Start and end of each stretch of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in steps.reshape(-1, 2)]


def _spaced(chars: Sequence[Char]) -> list[bool]:
    """For each two neighbouring letters, whether a space was recognised between them."""
    spaced: list[bool] = []
    space = False
    for at, char in enumerate(chars):
        if char.text.isspace():
            space = True
            continue
        if any(not before.text.isspace() for before in chars[:at]):
            spaced.append(space)
        space = False
    return spaced


def _wide(
    letters: Sequence[Char],
    spaced: Sequence[bool],
    gaps: Sequence[tuple[float, float]],
    ink: Mask,
) -> list[bool]:
    """Which gaps without a recognised space are as wide as one.

    That is more than two thirds of the spaces that were recognised in the line, or, where none
    was, a quarter of the height of its print; and far more than between its letters.
    """
    widths = [end - start for start, end in gaps]
    within = [width for width, space in zip(widths, spaced, strict=True) if not space]
    between = [width for width, space in zip(widths, spaced, strict=True) if space]
    rows = np.flatnonzero(ink.any(axis=1))
    height = float(rows[-1] - rows[0] + 1) if len(rows) else float(ink.shape[0])
    usual = float(np.median(within)) if within else 0.0
    least = 2 / 3 * float(np.median(between)) if between else height / 4
    least = max(least, 2.5 * usual + 1)
    return [
        width >= least and _may_be_parted(one.text, other.text)
        for width, (one, other) in zip(widths, pairwise(letters), strict=True)
    ]


def _may_be_parted(one: str, other: str) -> bool:
    """Whether white between two characters may be a space: not within numbers or Chinese."""
    if max(ord(one[-1]), ord(other[0])) >= _NO_SPACES_WRITTEN:
        return False
    return not (one.isdigit() and other.isdigit())


def _piece(letters: Sequence[Char], edges: Sequence[float], ink: Mask) -> Piece:
    """A word, its box drawn in to its ink.

    Args:
        edges: columns between its letters, with the ends.
    """
    left, right = _between(edges[0], edges[-1])
    part = ink[:, left:right]
    text = "".join(char.text for char in letters)
    confidence = sum(char.confidence for char in letters) / len(letters)
    top, bottom = _own_rows(_any(part, 1)) if part.any() else (0, ink.shape[0])
    parts = [_between(*pair) for pair in pairwise(edges)]
    own = tuple(_drawn_in(Area(first, top, end, bottom), ink) for first, end in parts)
    return Piece(text, _drawn_in(Area(left, top, right, bottom), ink), confidence, own)


def _between(left: float, right: float) -> tuple[int, int]:
    """First column and the one after the last; one at least."""
    return int(left), max(int(left) + 1, int(np.ceil(right)))


def _drawn_in(area: Area, ink: Mask) -> Area:
    """The smallest area around the ink in this one; this one where there is none."""
    left, top, right, bottom = map(int, area)
    part = ink[top:bottom, left:right]
    columns, rows = np.flatnonzero(_any(part, 0)), np.flatnonzero(_any(part, 1))
    if not len(columns):
        return area
    return Area(
        left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )  # fmt: skip


def _own_rows(rows: Mask) -> tuple[int, int]:
    """The rows of a word, without what hangs in from the lines above and below."""
    stretches = runs(rows)
    height = len(rows)
    largest = max(stretches, key=lambda run: run[1] - run[0])
    own = [
        run
        for run in stretches
        if run == largest
        or not (run[0] == 0 or run[1] == height)
        or run[1] - run[0] > (largest[1] - largest[0]) / 2
    ]
    return own[0][0], own[-1][1]
