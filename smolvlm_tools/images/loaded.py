"""The checked image that everything behind the entrance works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from PIL import Image

BLANK_LEVELS = 8
"""Largest spread, of 256 levels in each channel, that still counts as blank."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """An upright RGB image and what is known of its source.

    Attributes:
        pixels: mode RGB, EXIF orientation applied, alpha composited on white. Not shared with
            the source; nobody writes to it.
        sha256: hex digest of the encoded source bytes. For PIL and numpy sources, which have
            none, of the resulting RGB pixels preceded by mode and size.
        format: PNG, JPEG, WEBP, GIF, BMP or TIFF; None for PIL and numpy sources.
        frames: frames or pages in the source, of which `pixels` is the first.
    """

    pixels: Image.Image
    sha256: str
    format: str | None
    frames: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.size

    @property
    def is_blank(self) -> bool:
        """Whether every channel's extrema differ by at most `BLANK_LEVELS`.

        A 1x1 image is therefore blank.
        """
        extrema = cast("tuple[tuple[int, int], ...]", self.pixels.getextrema())
        return all(high - low <= BLANK_LEVELS for low, high in extrema)
