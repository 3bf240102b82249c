"""What decoding an image and making it RGB takes, known from its header.

    decoder's own buffers + pixels as stored   while it is decoded
    pixels as stored + what they become        while they are converted
    RGB twice                                  while they are turned upright

Pillow keeps 1, 2 or 4 bytes a pixel, rows of whole words, and a pointer to each row.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

from PIL import Image
from PIL.ImageFile import ImageFile

from ..errors import ImageTooLarge
from .jpeg_segments import coefficient_bytes
from .policy import ImagePolicy

Size = tuple[int, int]

_LEAST_BUDGET = 256_000_000
_BYTES_A_PIXEL = 6.4
"""Of the pixels that the policy accepts: 256 MB for its default of 40 megapixels. Decoded in place
a pixel takes 4; an image that takes more (transparency, a quarter turn, WebP) has to be smaller."""

_ONE_BYTE, _TWO_BYTES = ("1", "L", "P"), "I;16"
_ROW_POINTER = 8


def check_memory(needed: int, policy: ImagePolicy, name: str) -> None:
    """Refuse what takes more than the policy's pixels allow; raises ImageTooLarge."""
    budget = max(_LEAST_BUDGET, int(policy.max_pixels * _BYTES_A_PIXEL))
    if needed > budget:
        raise ImageTooLarge(
            f"{name} takes {needed / 1e6:,.0f} MB to decode; the limit is {budget / 1e6:,.0f} MB",
            "Shrink the image, or save it as an ordinary RGB image. Or raise "
            "`ImagePolicy.max_pixels`.",
        )


def stored_bytes(mode: str, size: Size) -> int:
    """What Pillow keeps for the pixels of an image."""
    width, height = size
    each = 1 if mode in _ONE_BYTE else 2 if mode.startswith(_TWO_BYTES) else 4
    return height * (_ROW_POINTER + (width * each + 3) // 4 * 4)


def converting_bytes(mode: str, size: Size, *, consume: bool, turned: bool) -> int:
    """The peak of making pixels RGB and upright.

    Args:
        consume: whether the pixels are given up as soon as possible; else they do not count.
        turned: whether they have to be turned.
    """
    stored = stored_bytes(mode, size) if consume else 0
    rgb = stored_bytes("RGB", size)
    made = rgb if mode != "RGB" or not consume else 0
    if is_deep(mode):
        grey = stored_bytes("L", size)
        made = max(grey, rgb + grey - stored)
    peak = stored + made
    return max(peak, 2 * rgb) if turned else peak


def is_deep(mode: str) -> bool:
    """Whether a mode has one channel of more than 8 bits."""
    return mode in ("I", "F") or mode.startswith("I;")


def decoding_bytes(image: Image.Image) -> int:
    """The peak of decoding a file whose header is read; 0 for what is decoded already."""
    if not isinstance(image, ImageFile) or not (image.tile or getattr(image, "_im", None) is None):
        return 0
    stored = stored_bytes(image.mode, image.size)
    width, height = image.size
    if image.format == "WEBP":  # libwebp's canvas, the one before, and the pixels as bytes
        return 4 * stored if getattr(image, "is_animated", False) else 3 * 4 * width * height
    if image.format in ("JPEG", "MPO"):
        file = image.fp
        return stored + (coefficient_bytes(file.getvalue()) if isinstance(file, BytesIO) else 0)
    if image.format == "TIFF":
        return stored + _tiff_bytes(image, stored)
    if image.format == "PNG":
        stored += 2 * 8 * width  # two rows of at most 8 bytes a pixel
    if image.format == "HEIF":
        return 2 * stored  # measured: 7.8 bytes a pixel
    if image.tell():  # composed from the frames before
        stored += 3 * stored_bytes("RGB", image.size)
    return stored


def _tiff_bytes(image: ImageFile, stored: int) -> int:
    """A strip or tile, and pixels that Pillow turns itself."""
    tags = cast("dict[int, Any]", getattr(image, "tag_v2", {}))
    width, height = image.size
    wide, high = tags.get(322, width), tags.get(323, tags.get(278, height))
    piece = 0
    if isinstance(wide, int) and isinstance(high, int):
        piece = 4 * min(wide, max(width, height)) * min(high, max(width, height))
    return min(piece, 4 * width * height) + (stored if tags.get(0x0112, 1) != 1 else 0)
