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
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import BadDimensions, CorruptImage, ImageTooLarge
from .policy import ImagePolicy

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

_ALPHA_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa"})


def check_size(size: tuple[int, int], policy: ImagePolicy, name: str) -> None:
    """Check (width, height) against the limit on pixels."""
    width, height = size
    if width <= 0 or height <= 0:
        raise BadDimensions(f"{name} is {width}x{height} pixels", "Send an image that has pixels.")
    if width * height > policy.max_pixels:
        raise ImageTooLarge(
            f"{name} is {width}x{height} pixels; the limit is {policy.max_pixels:,} pixels",
            "Shrink the image or raise ImagePolicy.max_pixels.",
        )


def picture_to_rgb(
    image: Image.Image, policy: ImagePolicy, name: str, *, is_ours: bool = False
) -> Image.Image:
    """Decode an image to upright RGB; the image itself stays as it is.

    What is ours alone, and RGB, is not copied: the result has the same memory.
    """
    check_size(image.size, policy, name)
    try:
        image.load()
        turn = orientation(image)  # after load: some formats hold or apply it at the end
        rgb = _to_rgb(image, is_ours)
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge(f"{name} takes too much memory", "Shrink the image.") from error
    except Exception as error:  # Pillow's decoders raise whatever the damage led to
        raise CorruptImage(
            f"{name} cannot be decoded ({error})", "Save the image again, or send another one."
        ) from error
    return rgb.transpose(_TRANSPOSE[turn]) if turn in _TRANSPOSE else rgb


def on_white(image: Image.Image) -> Image.Image:
    """Composite a transparent image on white, as RGB."""
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def sixteen_to_eight(values: NDArray[Any]) -> NDArray[np.uint8]:
    """0..65535 to 0..255, rounded to the nearest; 65535 / 257 = 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 when the metadata is missing or garbage."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (
        *(AttributeError, EOFError, IndexError, KeyError, OSError, OverflowError, SyntaxError),
        *(TypeError, ValueError, struct.error, UserWarning),
    ):
        return 1


def _to_rgb(image: Image.Image, is_ours: bool) -> Image.Image:
    mode = image.mode
    if mode == "I" or mode.startswith("I;"):
        values = np.asarray(image)
        grey = _integers_to_eight(values)
        transparent = image.info.get("transparency")  # the tRNS chunk of a 16-bit grey PNG
        if isinstance(transparent, int):
            grey = np.where(values == transparent, np.uint8(255), grey)
        return Image.fromarray(grey).convert("RGB")
    if mode == "F":
        return Image.fromarray(_floats_to_eight(np.asarray(image))).convert("RGB")
    if image.has_transparency_data and mode in _ALPHA_MODES:
        return on_white(_with_8_bit_transparency(image))
    return rgb_over(image.im) if is_ours and mode == "RGB" else image.convert("RGB")


def rgb_over(core: Any) -> Image.Image:
    """The image that Pillow's core has in RGB; nothing is copied."""
    empty: Any = Image.new("RGB", (0, 0))
    return empty._new(core)


def _integers_to_eight(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    if 0 <= low and high <= 65535:
        return sixteen_to_eight(values)
    return _stretch(values.astype(np.float64), low, high)


def _floats_to_eight(values: NDArray[Any]) -> NDArray[np.uint8]:
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(values[finite].min()), float(values[finite].max())
    values = np.where(finite, values, low).astype(np.float64)
    if 0 <= low and high <= 1:
        return _stretch(values, 0, 1)
    if 0 <= low and high <= 255:
        return _stretch(values, 0, 255)
    return _stretch(values, low, high)


def _stretch(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    return np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)


def _with_8_bit_transparency(image: Image.Image) -> Image.Image:
    """Pillow reads 16-bit RGB as its high bytes but leaves the transparent colour at 16 bits."""
    colour = cast("tuple[int, ...] | object", image.info.get("transparency"))
    if image.mode == "RGB" and isinstance(colour, tuple) and max(colour) > 255:
        image = image.copy()
        image.info["transparency"] = tuple(part >> 8 for part in colour)
    return image
