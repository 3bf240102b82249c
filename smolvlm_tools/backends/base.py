"""What the engine asks of a backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Features, KVBlock, Logits, Tiles, TokenIds


class KVCache(Protocol):
    """Keys and values of one sequence, owned by the backend that made it."""

    @property
    def length(self) -> int:
        """Tokens held so far."""
        ...

    @property
    def capacity(self) -> int:
        """Tokens it can hold."""
        ...


Cache = TypeVar("Cache", bound=KVCache)


class Backend(Protocol[Cache]):
    """A runtime that holds one checkpoint's weights. Not thread-safe: one worker drives it.

    Its methods raise `ModelError` where the runtime fails, `BadPrompt` where a cache is too small
    or was released, and `Closed` after `close`.

    Attributes:
        name: "torch", "onnx", "openvino" or "fake".
        device: where it computes, e.g. "cpu", "cuda:0".
        precision: what its weights are, e.g. "fp32", "bf16", "int8".
    """

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def tiles_per_batch(self) -> int:
        """Most tiles one `encode` call should get; it bounds the vision tower's memory."""
        ...

    @property
    def encodes_beside(self) -> bool:
        """Whether `encode` may run on one thread while `step` does on another."""
        ...

    @property
    def most_guesses(self) -> int:
        """Most tokens behind one that `verify` should get.

        0 where that saves nothing, or where logits differ from those of single steps by more than
        the rounding of float32.
        """
        ...

    def encode(self, tiles: Tiles) -> Features:
        """Run the vision tower and connector on full tiles (T, 3, S, S): (T, tokens, hidden)."""
        ...

    def create_cache(self, capacity: int) -> Cache:
        """An empty cache for a sequence of at most `capacity` tokens."""
        ...

    def forward(
        self, token_ids: TokenIds, cache: Cache, features: Sequence[Features] = ()
    ) -> Logits:
        """Append `token_ids` to `cache` and return the logits after the last of them.

        Where an id is the checkpoint's image token, its embedding is replaced by the next row of
        `features`, taken in order; the caller has checked that the counts agree.
        """
        ...

    def step(self, token_ids: TokenIds, caches: Sequence[Cache]) -> NDArray[np.float32]:
        """Append one token to each of several caches; the logits (B, vocab) after each.

        What a sequence gets does not depend on its neighbours.
        """
        ...

    def verify(self, token_ids: TokenIds, cache: Cache) -> NDArray[np.float32]:
        """Append several tokens to a cache in one step; the logits (L, vocab) after each."""
        ...

    def read_cache(self, cache: Cache, start: int, stop: int) -> KVBlock:
        """A copy of positions [start, stop): (2 * layers, kv_heads, stop - start, head_dim)."""
        ...

    def write_cache(self, cache: Cache, block: KVBlock) -> None:
        """Append what `read_cache` gave for the same positions of a sequence that began alike."""
        ...

    def grow_cache(self, cache: Cache, capacity: int) -> Cache:
        """The same tokens in a cache of more capacity; the old one is released.

        For a moment both are there.
        """
        ...

    def truncate_cache(self, cache: Cache, length: int) -> None:
        """Forget all but the first `length` tokens of a cache."""
        ...

    def release_cache(self, cache: Cache) -> None:
        """Give a cache's memory back; it is unusable afterwards. Twice does no harm."""
        ...

    def close(self) -> None:
        """Free the weights. The backend is unusable afterwards."""
        ...


GUESSES = 7
"""`Backend.most_guesses` of CPUs in fp32: a step of eight takes about as long as two.

Not in int8: runtimes attend by another kernel for one token than for several, and an activation
that differs in its last digit may be rounded to another of 255 values: docs/adr/0020.
"""

_COPIED_AT_ONCE = 256
"""Positions whose keys and values are copied in one piece."""


def copy_to_larger(backend: Backend[Cache], cache: Cache, capacity: int) -> Cache:
    """`Backend.grow_cache` by the other methods."""
    larger = backend.create_cache(capacity)
    try:
        for start in range(0, cache.length, _COPIED_AT_ONCE):
            stop = min(start + _COPIED_AT_ONCE, cache.length)
            backend.write_cache(larger, backend.read_cache(cache, start, stop))
    except BaseException:  # whatever it is, the memory is given back
        backend.release_cache(larger)
        raise
    backend.release_cache(cache)
    return larger


AnyBackend: TypeAlias = Backend[Any]
"""A backend, whatever it keeps in its caches."""
