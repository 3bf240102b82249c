"""A list of images that are the frames of a video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image

from ...errors import BadOptions, BadPrompt
from ...images import ImagePolicy, ImageSource, load_image
from .choice import MOST_FRAMES
from .film import FilmFacts, Size, shrink


@dataclass(frozen=True, slots=True)
class Clip:
    """Images that are the frames of a video, wherever a video is taken.

    All of them are shown, unless `frames`, `start` or `end` say otherwise.

    Attributes:
        frames: in order, each any source `load_image` takes.
        fps: of them a second; 24, as transformers has it, where nobody knows.

    Raises:
        BadPrompt: there is no frame.
        BadOptions: `fps` is no number above 0, or there are more than 999 frames.

    Examples:
        >>> Clip(["a.png", "b.png"], fps=2)  # doctest: +SKIP
    """

    frames: Sequence[ImageSource]
    fps: float = 24.0

    def __post_init__(self) -> None:
        if not isinstance(cast("object", self.frames), (list, tuple)) or not self.frames:
            raise BadPrompt("the clip has no frames", "Pass a list of images.")
        if len(self.frames) > MOST_FRAMES:
            raise BadOptions(
                f"a clip of {len(self.frames)} frames is too long", f"Pass up to {MOST_FRAMES}."
            )
        if not (isinstance(cast("object", self.fps), (int, float)) and 0 < self.fps < math.inf):
            raise BadOptions(f"`fps={self.fps!r:.30}` is not a rate", "Pass frames a second.")


class ClipFilm:
    """A `Film` of a `Clip`; raises as `load_image`."""

    name, format = "the clip", "frames"
    source: str | None = None

    def __init__(self, clip: Clip, policy: ImagePolicy) -> None:
        self._clip, self._policy = clip, policy
        size = load_image(clip.frames[0], policy).size
        self.facts = FilmFacts(len(clip.frames), float(clip.fps), size)

    def times(self, numbers: Sequence[int]) -> list[float]:
        """See `Film`."""
        return [number / self._clip.fps for number in numbers]

    def between(self, start: float, end: float) -> tuple[int, int]:
        """See `Film`."""
        first, last = (math.ceil((at - 1e-4) * self._clip.fps) for at in (start, end))
        return max(first, 0), min(max(last, 0), len(self._clip.frames))

    def read(self, number: int, size: Size) -> Image.Image:
        """See `Film`."""
        return shrink(load_image(self._clip.frames[number], self._policy).pixels, size)

    def close(self) -> None:
        """See `Film`."""
