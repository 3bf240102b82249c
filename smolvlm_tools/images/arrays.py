"""numpy arrays to RGB.

Accepted: (height, width), (height, width, 1), (height, width, 3) or (height, width, 4), of bool,
uint8, uint16 or of floats in 0..1. A fourth channel is alpha.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import BadDimensions, BadEncoding
from .colour import Box, by_pieces, check_size, on_white, sixteen_to_eight
from .policy import ImagePolicy

_SHAPES = "Pass (height, width), or (height, width, channels) with 1, 3 or 4 channels."
_DTYPES = "Pass uint8 in 0..255, uint16 in 0..65535, bool, or floats in 0..1."


def array_to_rgb(array: NDArray[Any], policy: ImagePolicy) -> Image.Image:
    """Check an array's shape, size and dtype, and convert it to RGB."""
    _check_shape(array.shape)
    check_size((array.shape[1], array.shape[0]), policy, "the array")
    to_eight = _levels(array)

    def paint(box: Box) -> Image.Image:
        left, top, right, bottom = box
        eight = to_eight(array[top:bottom, left:right])
        if eight.ndim == 3 and eight.shape[2] == 1:
            eight = eight[:, :, 0]
        image = Image.fromarray(np.ascontiguousarray(eight))
        return on_white(image) if image.mode == "RGBA" else image.convert("RGB")

    return by_pieces("RGB", (array.shape[1], array.shape[0]), paint)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        return
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        raise BadDimensions(
            f"the array's shape {shape} has its channels first",
            "Put them last: array.transpose(1, 2, 0).",
        )
    raise BadDimensions(f"the array's shape {shape} is not that of an image", _SHAPES)


def _levels(array: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """How values become 0..255; raises for a dtype or range that none has."""
    if array.dtype == np.bool_:
        return lambda piece: piece.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return lambda piece: piece
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return sixteen_to_eight
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (0 <= low and high <= 1):  # false for NaN too
            raise BadEncoding(f"the array's floats run from {low:g} to {high:g}", _DTYPES)
        return lambda piece: np.rint(piece.astype(np.float64) * 255).astype(np.uint8)
    raise BadEncoding(f"the array's dtype is {array.dtype}", _DTYPES)
