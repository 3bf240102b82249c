"""RGB images in memory that somebody else has made, such as memory shared with a child."""

from __future__ import annotations

from typing import Any

from PIL import Image

from .colour import rgb_over
from .encoded import Size

BYTES_PER_PIXEL = 4
"""As Pillow keeps RGB: the fourth byte is not used."""


def map_pixels(memory: Any, size: Size) -> Image.Image:
    """The RGB image whose pixels are in `memory`, of four bytes each.

    `Image.frombuffer` does the same for some modes, but makes a copy for RGB.
    """
    width, height = size
    if len(memory) < width * height * BYTES_PER_PIXEL:
        raise ValueError(f"{len(memory):,} bytes are not {width}x{height} pixels")
    core: Any = Image.core
    image = rgb_over(core.map_buffer(memory, size, "raw", 0, ("RGB", 0, 1)))
    image.readonly = 1  # who writes to it gets a copy
    return image
