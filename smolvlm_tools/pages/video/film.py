"""An open video, and a frame of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from PIL import Image

from ...images import LoadedImage, shows_nothing
from ...types import PageRef

Size: TypeAlias = tuple[int, int]
"""(width, height) in pixels."""

Bounds: TypeAlias = Callable[[Size], Size]
"""From a film's size to the largest at which its frames are needed; each side by itself."""


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What a video's file says before a frame is decoded.

    Attributes:
        frames: how many there are.
        fps: of them a second, on average.
        size: (width, height) of its frames, upright.
        missing: how many more the header promises, of a file that was cut.
        is_cut: whether there were more, of which no header tells how many.
    """

    frames: int
    fps: float
    size: Size
    missing: int = 0
    is_cut: bool = False

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.fps


class Film(Protocol):
    """An open video. Thread-safe.

    Attributes:
        name: what errors call it.
        format: such as "MP4".
        source: the path or URL as the caller gave it; None for what had neither.
    """

    name: str
    format: str
    source: str | None

    @property
    def facts(self) -> FilmFacts: ...

    def times(self, numbers: Sequence[int]) -> list[float]:
        """Seconds at which frames are shown, by their numbers from 0."""
        ...

    def between(self, start: float, end: float) -> tuple[int, int]:
        """The first frame that is shown from `start` on, and the first from `end` on."""
        ...

    def read(self, number: int, size: Size) -> Image.Image:
        """A frame as upright RGB, no side of which is longer than in `size`.

        Raises:
            CorruptImage: the file ends before, or is damaged there.
            ImageTooLarge: it has more pixels than the policy allows.
            DocumentTooCostly: under a policy that isolates, reading it goes past a limit.
        """
        ...

    def close(self) -> None:
        """Free it; frames that were read stay valid."""
        ...


def shrink(pixels: Image.Image, size: Size) -> Image.Image:
    """An image, no side of which is longer than in `size`."""
    least = min(pixels.width, size[0]), min(pixels.height, size[1])
    return pixels if least == pixels.size else pixels.resize(least, Image.Resampling.LANCZOS)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was chosen, and what is said around it.

    Attributes:
        seconds: when it is shown.
        before, after: see `captions`.
        bounds: no side of it is longer.
        read: decodes it; see `Film.read`.
    """

    film: Film
    number: int
    seconds: float
    before: str
    after: str
    bounds: Size
    read: Callable[[int, Size], Image.Image]

    def load(self) -> LoadedImage:
        """Decode it; raises as `Film.read`."""
        pixels = self.read(self.number, self.bounds)
        size = self.film.facts.size
        digest = hashlib.sha256(f"RGB {size[0]}x{size[1]} {pixels.size} ".encode())
        digest.update(pixels.tobytes())
        return LoadedImage(
            pixels,
            digest.hexdigest(),
            size,
            self.film.format,
            _is_blank=shows_nothing(pixels),
            ref=PageRef(source=self.film.source, seconds=self.seconds),
            said=(self.before, self.after),
        )
