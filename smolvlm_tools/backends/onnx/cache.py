"""Keys and values of the ONNX decoder's sequences."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadPrompt

COLUMNS = 256
"""Capacities are multiples of it: few growths, and rows that start on a memory page."""


@dataclass(slots=True, eq=False)
class GrowingCache:
    """Values that the graph returns one call longer than it got them.

    Attributes:
        states: OrtValues (1, kv_heads, length, head_dim), in the order of the graph's inputs.
    """

    capacity: int
    states: list[Any]
    length: int = 0
    released: bool = False


@dataclass(slots=True, eq=False)
class SharedCache:
    """A row of an `Arena`, which the graph reads and extends in place.

    Attributes:
        row: where it lies; other sequences' comings and goings change it.
    """

    capacity: int
    row: int
    length: int = 0
    released: bool = False


OnnxCache = GrowingCache | SharedCache


class Arena:
    """One buffer per layer and kind whose rows are the sequences: a decode step is one call.

    A call sees a range of rows, so those in use are kept together: the last row fills the hole
    that a released one leaves. Memory is taken as it is written to, so a large capacity costs
    nothing by itself, and all of it is given back when the last sequence goes.

    Args:
        count: buffers, two for each layer.

    Attributes:
        buffers: (rows, kv_heads, capacity, head_dim) each, in the order of the graph's inputs.
        version: changes when the buffers move.
    """

    def __init__(self, count: int, kv_heads: int, head_dim: int, element: type[Any]) -> None:
        self._count, self._kv_heads, self._head_dim = count, kv_heads, head_dim
        self._element = np.dtype(element)
        self._rows: list[SharedCache] = []
        self.buffers: list[NDArray[Any]] = []
        self.version = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of every buffer."""
        rows, _, capacity, _ = self.buffers[0].shape if self.buffers else (0, 0, 0, 0)
        return rows, self._kv_heads, capacity, self._head_dim

    @property
    def row_bytes(self) -> int:
        """Of one row in one buffer."""
        return int(np.prod(self.shape[1:])) * self._element.itemsize

    def add(self, capacity: int) -> SharedCache:
        """A new row for `capacity` tokens at most."""
        rows, _, columns, _ = self.shape
        wanted = -(-max(capacity, 1) // COLUMNS) * COLUMNS
        if len(self._rows) == rows or wanted > columns:
            self._resize(max(rows, len(self._rows) + 1), max(columns, wanted))
        cache = SharedCache(capacity, len(self._rows))
        self._rows.append(cache)
        return cache

    def remove(self, cache: SharedCache) -> None:
        """Free a row. Twice does no harm."""
        if cache.released:
            return
        cache.released = True
        last = self._rows.pop()
        if last is not cache:
            row = cache.row
            for buffer in self.buffers:
                buffer[row, :, : last.length] = buffer[last.row, :, : last.length]
            last.row, self._rows[row] = row, last
        if not self._rows:
            self.buffers = []
            self.version += 1

    def gather(self, caches: Sequence[SharedCache]) -> int:
        """Bring different rows next to each other, in any order; the first of them."""
        taken = sorted(cache.row for cache in caches)
        count = len(taken)
        if taken[-1] - taken[0] + 1 == count:
            return taken[0]
        inside = [sum(start <= row < start + count for row in taken) for start in range(taken[-1])]
        best = inside[: len(self._rows) - count + 1]
        start = best.index(max(best))
        window = range(start, start + count)
        holes = [row for row in window if row not in taken]
        for hole, row in zip(holes, (r for r in taken if r not in window), strict=True):
            self._swap(hole, row)
        return start

    def read(self, cache: SharedCache, start: int, stop: int) -> NDArray[Any]:
        """A copy (2 * layers, kv_heads, stop - start, head_dim)."""
        return np.stack([buffer[cache.row, :, start:stop] for buffer in self.buffers])

    def write(self, cache: SharedCache, block: NDArray[Any]) -> None:
        """Append a block (2 * layers, kv_heads, tokens, head_dim)."""
        end = cache.length + block.shape[2]
        for buffer, values in zip(self.buffers, block, strict=True):
            buffer[cache.row, :, cache.length : end] = values
        cache.length = end

    def _swap(self, first: int, second: int) -> None:
        one, two = self._rows[first], self._rows[second]
        length = max(one.length, two.length)
        for buffer in self.buffers:
            kept = buffer[first, :, :length].copy()
            buffer[first, :, :length] = buffer[second, :, :length]
            buffer[second, :, :length] = kept
        one.row, two.row = second, first
        self._rows[first], self._rows[second] = two, one

    def _resize(self, rows: int, columns: int) -> None:
        """Move to larger buffers, one at a time: what is doubled is small."""
        shape = (rows, self._kv_heads, columns, self._head_dim)
        if not self.buffers:
            self.buffers = [_lazy_zeros(shape, self._element) for _ in range(self._count)]
        else:
            for index, old in enumerate(self.buffers):
                new = _lazy_zeros(shape, self._element)
                for row, cache in enumerate(self._rows):
                    new[row, :, : cache.length] = old[row, :, : cache.length]
                self.buffers[index] = new
        self.version += 1


def check_room(cache: OnnxCache, tokens: int) -> None:
    """Check that `tokens` more fit."""
    if cache.released:
        raise BadPrompt("the cache was released", "Make a new one.")
    if cache.length + tokens > cache.capacity:
        raise BadPrompt(
            f"{cache.length + tokens} tokens do not fit a cache of {cache.capacity}",
            "Ask for a cache that holds prompt and answer.",
        )


def _lazy_zeros(shape: tuple[int, ...], element: np.dtype[Any]) -> NDArray[Any]:
    """Zeros that take memory page by page as they are written, and give it back when dropped.

    `numpy.zeros` does so only above a size that the C library moves while it runs.
    """
    size = int(np.prod(shape)) * element.itemsize
    if hasattr(mmap, "MAP_PRIVATE"):
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        memory = mmap.mmap(-1, size)
    return np.frombuffer(memory, element).reshape(shape)
