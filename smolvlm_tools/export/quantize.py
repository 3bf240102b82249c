"""Weight matrices as small integers, in the layouts that ONNX Runtime reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backends.onnx.files import BLOCK

Floats = NDArray[np.float32]


class BlockQuantized(NamedTuple):
    """A matrix (N, K) for `com.microsoft.MatMulNBits`, symmetric (zero point 2**(bits-1))."""

    packed: NDArray[np.uint8]
    """(N, ceil(K / BLOCK), BLOCK * bits / 8), the lower nibble first for 4 bits."""

    scales: Floats
    """(N * ceil(K / BLOCK),)"""


def quantize_blocks(weight: Floats, bits: int) -> BlockQuantized:
    """Round each run of `BLOCK` inputs of each output row of `weight` (N, K) to 4 or 8 bits.

    The scale is the entry of largest magnitude divided by -2**(bits-1), so that this entry is
    represented exactly (the symmetric rule of ONNX Runtime's own MatMulNBits quantizer).
    """
    half = 1 << (bits - 1)
    rows, columns = weight.shape
    blocks = -(-columns // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), np.float32)
    padded[:, :columns] = weight
    grouped = padded.reshape(rows, blocks, BLOCK)
    peak = np.take_along_axis(grouped, np.abs(grouped).argmax(-1)[..., None], -1)
    scales = (peak / -half).astype(np.float32)
    inverse = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales != 0)
    levels = np.clip(np.rint(grouped * inverse) + half, 0, 2 * half - 1).astype(np.uint8)
    if bits == 4:
        levels = (levels[..., 0::2] | (levels[..., 1::2] << 4)).astype(np.uint8)
    return BlockQuantized(levels, scales.reshape(-1))


def quantize_rows(weight: Floats, limit: int = 127) -> tuple[NDArray[np.int8], Floats]:
    """Integers (N, K) in [-limit, limit] and a scale (N,) for each row of `weight` (N, K)."""
    peak = np.abs(weight).max(axis=1)
    scales = np.where(peak > 0, peak / limit, 1.0).astype(np.float32)
    levels: NDArray[Any] = np.rint(weight / scales[:, None])
    return levels.astype(np.int8), scales
