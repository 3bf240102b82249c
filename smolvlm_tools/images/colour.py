"""A Pillow image of any mode to upright RGB.

Pillow's `convert("RGB")` clips 16-bit and float values and turns transparency black, so:

    1, L, P, RGB, CMYK, YCbCr, LAB, HSV   converted by Pillow (it undoes Adobe's CMYK inversion)
    alpha, or a transparent colour        composited on white
    I;16 and its byte orders              value / 257, rounded
    I (32-bit)                            as 16-bit when within 0..65535, else minimum..maximum
    F (float)                             0..1 as the full range, 0..255 as it is, else
                                          minimum..maximum; NaN and infinities become the minimum
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import BadDimensions, CorruptImage, ImageTooLarge, SmolVLMError
from .pixel_memory import check_memory, converting_bytes, decoding_bytes, is_deep
from .policy import ImagePolicy
from .tiff_directories import is_flood

_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation (Exif 2.32, tag 274) → the operation that makes the image upright."""

_TURNED_EARLY = ("JPEG", "MPO")
"""Formats that say before the pixels whether these have to be turned."""

_PIECE = 1 << 20
"""Pixels that are converted at once where that takes more memory than the result."""

Box: TypeAlias = tuple[int, int, int, int]

_ALPHA_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa"})


def check_size(size: tuple[int, int], policy: ImagePolicy, name: str) -> None:
    """Check (width, height) against the limit on pixels."""
    width, height = size
    if width <= 0 or height <= 0:
        raise BadDimensions(f"{name} is {width}x{height} pixels", "Send an image that has pixels.")
    if width * height > policy.max_pixels:
        raise ImageTooLarge(
            f"{name} is {width}x{height} pixels; the limit is {policy.max_pixels:,} pixels",
            "Shrink the image. Or raise `ImagePolicy.max_pixels`.",
        )


def picture_to_rgb(
    image: Image.Image, policy: ImagePolicy, name: str, *, consume: bool = False
) -> Image.Image:
    """Decode an image to upright RGB.

    Args:
        consume: whether the image may be closed for its memory; else it stays as it is.

    Raises:
        ImageTooLarge: it has too many pixels, or takes too much memory for its pixels.
        CorruptImage: it cannot be decoded.
    """
    check_size(image.size, policy, name)

    def check(turned: bool) -> None:
        needed = converting_bytes(image.mode, image.size, consume=consume, turned=turned)
        check_memory(needed, policy, name)

    check_memory(decoding_bytes(image), policy, name)
    check(turned=image.format in _TURNED_EARLY and orientation(image) in _TRANSPOSE)
    try:
        image.load()
        turn = orientation(image)  # after load: some formats hold or apply it at the end
        turned = turn in _TRANSPOSE
        check(turned)
        rgb = _to_rgb(image, consume)
        if consume:
            image.close()
    except SmolVLMError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge(f"{name} takes too much memory", "Shrink the image.") from error
    except Exception as error:  # Pillow's decoders raise whatever the damage led to
        raise CorruptImage(
            f"{name} cannot be decoded ({error})", "Save the image again, or send another one."
        ) from error
    return rgb.transpose(_TRANSPOSE[turn]) if turned else rgb


def on_white(image: Image.Image) -> Image.Image:
    """Composite a transparent image on white, as RGB."""

    def composite(box: Box) -> Image.Image:
        rgba = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")

    return by_pieces("RGB", image.size, composite)


def by_pieces(mode: str, size: tuple[int, int], paint: Callable[[Box], Image.Image]) -> Image.Image:
    """An image of which `paint` gives every piece by its box, in the same mode."""
    made = Image.new(mode, size)
    for box in _pieces(size):
        made.paste(paint(box), box)
    return made


def _pieces(size: tuple[int, int]) -> Iterator[Box]:
    width, height = size
    wide = min(width, _PIECE)
    high = _PIECE // wide
    for top in range(0, height, high):
        for left in range(0, width, wide):
            yield left, top, min(left + wide, width), min(top + high, height)


def sixteen_to_eight(values: NDArray[Any]) -> NDArray[np.uint8]:
    """0..65535 to 0..255, rounded to the nearest; 65535 / 257 = 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 when the metadata is missing or garbage."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and is_flood(exif):
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (
        *(AttributeError, EOFError, IndexError, KeyError, OSError, OverflowError, SyntaxError),
        *(TypeError, ValueError, struct.error, UserWarning),
    ):
        return 1


def _to_rgb(image: Image.Image, consume: bool) -> Image.Image:
    mode = image.mode
    if is_deep(mode):
        grey = _grey(image)
        if consume:
            image.close()
        return grey.convert("RGB")
    if image.has_transparency_data and mode in _ALPHA_MODES:
        return on_white(_with_8_bit_transparency(image))
    if mode == "RGB" and consume:
        # Else a second copy would be in memory for as long as the first one is referred to.
        return rgb_over(image.im)
    return image.convert("RGB")


def rgb_over(core: Any) -> Image.Image:
    """The image that Pillow's core has in RGB; nothing is copied."""
    empty: Any = Image.new("RGB", (0, 0))
    return empty._new(core)


def _grey(image: Image.Image) -> Image.Image:
    """An image of one deep channel as 8 bits."""
    levels = _float_levels(image) if image.mode == "F" else _integer_levels(image)
    transparent = image.info.get("transparency")  # the tRNS chunk of a 16-bit grey PNG

    def paint(box: Box) -> Image.Image:
        values = np.asarray(image.crop(box))
        grey = levels(values)
        if isinstance(transparent, int) and image.mode != "F":
            grey = np.where(values == transparent, np.uint8(255), grey)
        return Image.fromarray(grey)

    return by_pieces("L", image.size, paint)


Levels: TypeAlias = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""From values to 0..255."""


def _values(image: Image.Image) -> Iterator[NDArray[Any]]:
    return (np.asarray(image.crop(box)) for box in _pieces(image.size))


def _integer_levels(image: Image.Image) -> Levels:
    ends = [(int(values.min()), int(values.max())) for values in _values(image)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if 0 <= low and high <= 65535:
        return sixteen_to_eight
    return lambda values: _stretch(values.astype(np.float64), low, high)


def _float_levels(image: Image.Image) -> Levels:
    finite = (values[np.isfinite(values)] for values in _values(image))
    ends = [(float(values.min()), float(values.max())) for values in finite if values.size]
    if not ends:
        return lambda values: np.zeros(values.shape, np.uint8)
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    start, end = (0, 1) if high <= 1 else (0, 255)
    if low < 0 or high > 255:
        start, end = low, high

    def levels(values: NDArray[Any]) -> NDArray[np.uint8]:
        values = np.where(np.isfinite(values), values, low).astype(np.float64)
        return _stretch(values, start, end)

    return levels


def _stretch(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    return np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)


def _with_8_bit_transparency(image: Image.Image) -> Image.Image:
    """Pillow reads 16-bit RGB as its high bytes but leaves the transparent colour at 16 bits."""
    colour = cast("tuple[int, ...] | object", image.info.get("transparency"))
    if image.mode == "RGB" and isinstance(colour, tuple) and max(colour) > 255:
        image = image.copy()
        image.info["transparency"] = tuple(part >> 8 for part in colour)
    return image
