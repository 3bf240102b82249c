"""What a request's images take while they are read, cut and encoded."""

from __future__ import annotations

from collections.abc import Sequence

from ..prompt.resolution import Size
from ..prompt.workload import PlannedImage

PILLOW_RGB = 4
"""Bytes of a pixel of a Pillow image in mode RGB: the fourth is padding."""


def pixel_bytes(size: Size) -> int:
    """Of reading an image of `size`: as it was decoded, and its copy as upright RGB."""
    return 2 * PILLOW_RGB * size[0] * size[1]


def cutting_bytes(images: Sequence[PlannedImage]) -> int:
    """Most that a request's images take while they are read and, one by one, cut."""
    if not images:
        return 0
    reading = max(pixel_bytes(image.size) for image in images) // 2
    return _held(images) + max(reading, *(_cutting(image) for image in images))


def cut_bytes(images: Sequence[PlannedImage]) -> int:
    """What they take while the tiles of one of them are encoded."""
    return _held(images) + max((_frames(image) for image in images), default=0)


def _held(images: Sequence[PlannedImage]) -> int:
    """All are read before the first is cut, and kept until the last is encoded."""
    return sum(PILLOW_RGB * image.size[0] * image.size[1] for image in images)


def _cutting(image: PlannedImage) -> int:
    """Bytes of the three channels, each resized and cut, and of the tiles made of them."""
    channels = 3 * image.size[0] * image.size[1]
    resized = 3 * sum(width * height for width, height in image.grid.steps)
    return channels + resized + 2 * _frames(image)


def _frames(image: PlannedImage) -> int:
    return 3 * image.grid.tiles * image.grid.tile_size**2
