"""Frames of a scene that stands still become the same pixels, so that they are encoded once.

A codec writes a still scene a little differently every time: by a few levels that nobody sees, and
that would make every frame's features new ones.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .film import Film, Size

BLOCKS = (64, 64)
"""Parts of a frame whose means are compared: four by four of them are a patch of the model."""

SAME_MEAN = 6.0
"""Levels, of 255, by which a part's mean may differ. H.264 at its usual quality stays below."""

SAME_PIXEL = 48
"""Levels by which a single value may differ, so that the smallest spot that moves is seen."""


@dataclass(slots=True)
class StillScenes:
    """Reads frames of one film; one that shows the same as the last new one is given as that.

    The comparison is with what was shown, not with the frame before: so slow change is seen.
    """

    film: Film
    _last: tuple[int, Image.Image] | None = None
    _same: dict[int, int] = field(default_factory=dict[int, int])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, number: int, size: Size) -> Image.Image:
        """See `Film.read`."""
        with self._lock:
            if number in self._same:  # its pixels were given back, and are needed again
                return self.film.read(self._same[number], size)
            pixels = self.film.read(number, size)
            if self._last is None or not shows_the_same(self._last[1], pixels):
                self._last = number, pixels
            self._same[number], shown = self._last
            return shown


def shows_the_same(one: Image.Image, other: Image.Image) -> bool:
    """Whether nobody would see a difference between two RGB images."""
    if one.size != other.size:
        return False
    means = np.abs(_means(one) - _means(other))
    if float(means.max()) > SAME_MEAN:
        return False
    values = np.asarray(one).astype(np.int16) - np.asarray(other)
    return int(np.abs(values).max()) <= SAME_PIXEL


def _means(pixels: Image.Image) -> NDArray[np.float32]:
    return np.asarray(pixels.resize(BLOCKS, Image.Resampling.BOX), dtype=np.float32)
