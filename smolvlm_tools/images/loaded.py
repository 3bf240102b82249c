"""The checked image that everything behind the entrance works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from PIL import Image

BLANK_LEVELS = 8
"""Largest spread, of 256 levels in each channel, that still counts as blank."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of an encoded image once it has been decoded.

    Attributes:
        size: (width, height) in pixels, upright.
        format: PNG, JPEG, WEBP, GIF, BMP or TIFF.
        frames: frames or pages in the source, of which the first is decoded.
        is_blank: see `LoadedImage.is_blank`.
    """

    size: tuple[int, int]
    format: str
    frames: int
    is_blank: bool


class LoadedImage:
    """An upright RGB image and what is known of its source.

    Attributes:
        sha256: hex digest of the encoded source bytes. For PIL and numpy sources, which have
            none, of the resulting RGB pixels preceded by mode and size.
        size: (width, height) in pixels of the source, upright; `pixels` may have fewer.
        format: PNG, JPEG, WEBP, GIF, BMP or TIFF; None for PIL and numpy sources.
        frames: frames or pages in the source, of which `pixels` is the first.
    """

    __slots__ = ("_is_blank", "_pixels", "format", "frames", "sha256", "size")

    def __init__(
        self,
        pixels: Image.Image | Callable[[], Image.Image],
        sha256: str,
        size: tuple[int, int],
        format: str | None = None,
        frames: int = 1,
        is_blank: bool | None = None,
    ) -> None:
        self._pixels = pixels
        self.sha256 = sha256
        self.size = size
        self.format = format
        self.frames = frames
        self._is_blank = is_blank

    @property
    def pixels(self) -> Image.Image:
        """Mode RGB, EXIF orientation applied, alpha composited on white.

        Not shared with the source; nobody writes to it.
        """
        if not isinstance(self._pixels, Image.Image):
            self._pixels = self._pixels()
        return self._pixels

    @property
    def decoded_size(self) -> tuple[int, int]:
        """(width, height) of `pixels`; of the source while they are not decoded."""
        return self._pixels.size if isinstance(self._pixels, Image.Image) else self.size

    @property
    def is_blank(self) -> bool:
        """Whether every channel's extrema differ by at most `BLANK_LEVELS`.

        A 1x1 image is therefore blank.
        """
        if self._is_blank is None:
            extrema = cast("tuple[tuple[int, int], ...]", self.pixels.getextrema())
            self._is_blank = all(high - low <= BLANK_LEVELS for low, high in extrema)
        return self._is_blank

    def __repr__(self) -> str:
        width, height = self.size
        return f"<LoadedImage {self.format or 'pixels'} {width}x{height} {self.sha256[:12]}>"
