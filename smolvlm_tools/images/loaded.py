"""A decoded image, and a memory of what decoding told about those before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from PIL import Image

from ..types import Flag, PageRef
from .policy import ImagePolicy

TURNS = {
    1: Image.Transpose.ROTATE_270,  # Pillow turns the other way round
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
BLANK_LEVELS = 8
"""Largest difference within a channel, of 256 levels, that still counts as blank."""


class ImageFacts(NamedTuple):
    """What `LoadedImage` tells about an encoded image."""

    size: tuple[int, int]
    format: str
    frames: int
    is_blank: bool


@dataclass(slots=True, eq=False, repr=False)
class LoadedImage:
    """An upright RGB image and what is known about its source.

    Attributes:
        sha256: hex digest of the encoded source bytes. For PIL and numpy sources, which have
            none, of the resulting RGB pixels preceded by mode and size.
        size: (width, height) in pixels of the source, upright; `pixels` may have fewer.
        format: one of `formats.FORMATS`; None for PIL and numpy sources.
        frames: frames or pages in the source, of which `pixels` is the first.
        ref: where it came from.
        own_text, layer_flags: see `EncodedImage`.
        turned: by how many quarter turns clockwise it was turned to be read.
        follows: whether it is a further page or frame of the source that the image before it came
            from.
        said: text around it in the prompt, before and after: a video's frames have their times.
    """

    _pixels: Image.Image | Callable[[], Image.Image]
    sha256: str
    size: tuple[int, int]
    format: str | None = None
    frames: int = 1
    _is_blank: bool | None = None
    ref: PageRef = field(default_factory=PageRef)
    own_text: str | None = None
    layer_flags: tuple[Flag, ...] = ()
    turned: int = 0
    follows: bool = False
    said: tuple[str, str] = ("", "")

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame of a video."""
        return self.ref.seconds is not None

    @property
    def pixels(self) -> Image.Image:
        """Mode RGB, EXIF orientation applied, alpha composited on white.

        A copy of the source's pixels; do not write to it.
        """
        if not isinstance(self._pixels, Image.Image):
            self._pixels = self._pixels()
        return self._pixels

    @property
    def decoded_size(self) -> tuple[int, int]:
        """(width, height) of `pixels`, or of the source while they are not decoded."""
        return self._pixels.size if isinstance(self._pixels, Image.Image) else self.size

    @property
    def is_blank(self) -> bool:
        """Whether the values of every channel differ by at most `BLANK_LEVELS`.

        An image of one pixel is therefore blank.
        """
        if self._is_blank is None:
            self._is_blank = shows_nothing(self.pixels)
        return self._is_blank

    def turn(self, quarters: int) -> None:
        """Turn it clockwise by so many quarter turns, 1 to 3."""
        before = self._pixels
        if isinstance(before, Image.Image):
            self._pixels = before.transpose(TURNS[quarters])
        else:
            self._pixels = lambda: before().transpose(TURNS[quarters])
        if quarters % 2:
            width, height = self.size
            self.size = height, width
        self.turned = quarters

    def let_go(self, decode: Callable[[], Image.Image]) -> None:
        """Free the pixels; `decode` is called if they are used again after all."""
        _ = self.is_blank  # while they are there
        self._pixels = decode

    def __repr__(self) -> str:
        width, height = self.size
        return f"<LoadedImage {self.format or 'pixels'} {width}x{height} {self.sha256[:12]}>"


def shows_nothing(pixels: Image.Image) -> bool:
    """Whether the values of every channel of an RGB image differ by at most `BLANK_LEVELS`."""
    extrema = cast("tuple[tuple[int, int], ...]", pixels.getextrema())
    return all(high - low <= BLANK_LEVELS for low, high in extrema)


class KnownImages:
    """Facts of the most recently decoded images, by digest and policy. Thread-safe.

    An image is added only after it was decoded completely under the same policy, so its facts
    need no second check, and the same bytes need not be decoded again.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._facts: OrderedDict[tuple[str, ImagePolicy], ImageFacts] = OrderedDict()
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, sha256: str, policy: ImagePolicy) -> ImageFacts | None:
        with self._lock:
            facts = self._facts.get((sha256, policy))
            if facts is not None:
                self._facts.move_to_end((sha256, policy))
            return facts

    def put(self, sha256: str, policy: ImagePolicy, facts: ImageFacts) -> None:
        with self._lock:
            self._facts[sha256, policy] = facts
            self._facts.move_to_end((sha256, policy))
            while len(self._facts) > self._limit:
                self._facts.popitem(last=False)

    def turns(self, image: LoadedImage, find: Callable[[Image.Image], int]) -> int:
        """How many quarter turns `find` wants for an image; it is asked once."""
        with self._lock:
            turns = self._turns.get(image.sha256)
        if turns is None:
            turns = find(image.pixels)
            with self._lock:
                self._turns[image.sha256] = turns
                while len(self._turns) > self._limit:
                    self._turns.popitem(last=False)
        return turns

    def clear(self) -> None:
        with self._lock:
            self._facts.clear()
            self._turns.clear()
