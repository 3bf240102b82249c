"""A GIF, APNG or WebP animation as a film, by Pillow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from PIL import Image

from ...images import EncodedImage, ImagePolicy, count_pages
from ...images.formats import identify
from ..picture import Frames
from .film import FilmFacts, Size, shrink

UNSAID_SECONDS = 0.1
"""For which viewers show a frame that does not say for how long."""


class AnimatedFilm:
    """A `Film` whose frames each build on those before; raises as `open_pages`."""

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy) -> None:
        self.name, self.source = encoded.name, encoded.ref.source
        self.format = identify(encoded.data, encoded.name)
        total = count_pages(encoded, policy)
        self._frames = Frames(encoded, policy, total)
        shown = [self._frames.seconds(number) or UNSAID_SECONDS for number in range(1, total + 1)]
        self._starts = [0.0, *accumulate(shown)]
        fps, size = total / self._starts[-1], self._frames.pixels(1).size
        self.facts = FilmFacts(total, fps, size, is_cut=self._frames.is_cut)

    def times(self, numbers: Sequence[int]) -> list[float]:
        """See `Film`."""
        return [self._starts[number] for number in numbers]

    def between(self, start: float, end: float) -> tuple[int, int]:
        """See `Film`."""
        starts = self._starts[:-1]
        return bisect_left(starts, start - 1e-4), bisect_left(starts, end - 1e-4)

    def read(self, number: int, size: Size) -> Image.Image:
        """See `Film`."""
        return shrink(self._frames.pixels(number + 1), size)

    def close(self) -> None:
        """See `Film`."""
        self._frames.close()
