"""Weight matrices as small integers, in the layouts that ONNX Runtime reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ROWS = 4096
"""Of a matrix that are searched at once: some hundred MB."""

SHRINKS = tuple(np.linspace(1, 0.7, 13))
"""Shares of a run's range that its 16 levels may cover."""


class BlockQuantized(NamedTuple):
    """A matrix (N, K) for `com.microsoft.MatMulNBits`: (level - zero point) * scale."""

    packed: NDArray[np.uint8]
    """(N, blocks, block * bits / 8), the lower nibble first for 4 bits."""

    scales: Floats
    """(N * blocks,)"""

    zeros: NDArray[np.uint8] | None
    """(N, ceil(blocks * bits / 8)), packed likewise; None: 2**(bits-1) for all."""


def quantize_blocks(weight: Floats, block: int) -> BlockQuantized:
    """Round each run of `block` inputs of each output row of `weight` (N, K) to 8 bits.

    The scale is the entry of largest magnitude divided by -128, so that this entry is represented
    exactly (the symmetric rule of ONNX Runtime's own MatMulNBits quantizer).
    """
    grouped = _grouped(weight, block)
    peak = np.take_along_axis(grouped, np.abs(grouped).argmax(-1)[..., None], -1)
    scales = (peak / -128).astype(np.float32)
    levels = np.clip(np.rint(_divide(grouped, scales)) + 128, 0, 255).astype(np.uint8)
    return BlockQuantized(levels, scales.reshape(-1), None)


def search_blocks(weight: Floats, block: int) -> BlockQuantized:
    """Round likewise to 4 bits, with the scale and zero point of each run that lose the least.

    Tried are the run's whole range and shrunken ones (`SHRINKS`), which cut its extremes off; the
    one with the least squared error is kept, and its scale fitted to the levels by least squares.
    """
    rows = [weight[at : at + ROWS] for at in range(0, len(weight), ROWS)]
    levels, scales, zeros = (
        np.concatenate(part)
        for part in zip(*(_search(_grouped(part, block)) for part in rows), strict=True)
    )
    zeros = np.pad(zeros[..., 0], ((0, 0), (0, zeros.shape[1] % 2)))
    return BlockQuantized(_pair(levels), scales.reshape(-1), _pair(zeros))


def _search(grouped: Floats) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """Levels (N, blocks, block), and scales and zero points (N, blocks, 1)."""
    low = np.minimum(grouped.min(-1, keepdims=True), 0)
    high = np.maximum(grouped.max(-1, keepdims=True), 0)
    best = np.full(low.shape, np.inf, np.float32)
    kept = np.zeros_like(low), np.zeros_like(low)
    for shrink in SHRINKS:
        scale = (high - low) * np.float32(shrink / 15)
        zero = np.clip(np.rint(_divide(-low, scale) * np.float32(shrink)), 0, 15)
        off = (_round(grouped, scale, zero) - zero) * scale - grouped
        error = np.square(off).sum(-1, keepdims=True)
        better = error < best
        for one, other in zip((best, *kept), (error, scale, zero), strict=True):
            np.copyto(one, other, where=better)
    scale, zero = kept
    centred = _round(grouped, scale, zero) - zero
    size = np.square(centred).sum(-1, keepdims=True)
    fitted = _divide((centred * grouped).sum(-1, keepdims=True), size).astype(np.float32)
    return (centred + zero).astype(np.uint8), fitted, zero.astype(np.uint8)


def _round(grouped: Floats, scale: Floats, zero: Floats) -> Floats:
    return np.clip(np.rint(_divide(grouped, scale)) + zero, 0, 15)


def _divide(value: Floats, by: Floats) -> Floats:
    """`value / by`, 0 where that is 0."""
    return value * np.divide(1.0, by, out=np.zeros_like(by), where=by != 0)


def _grouped(weight: Floats, block: int) -> Floats:
    """(N, K) -> (N, blocks, block), zeros at the end."""
    rows, columns = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -columns % block)))
    return padded.reshape(rows, -1, block)


def _pair(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two levels below 16 in a byte."""
    return levels[..., 0::2] | (levels[..., 1::2] << np.uint8(4))


def quantize_rows(weight: Floats, limit: int = 127) -> tuple[NDArray[np.int8], Floats]:
    """Integers (N, K) in [-limit, limit] and a scale (N,) for each row of `weight` (N, K)."""
    peak = np.abs(weight).max(axis=1)
    scales = np.where(peak > 0, peak / limit, 1.0).astype(np.float32)
    levels: NDArray[Any] = np.rint(weight / scales[:, None])
    return levels.astype(np.int8), scales
