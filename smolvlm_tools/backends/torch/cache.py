"""Where keys and values live: one buffer per sequence, or a row of an arena on CUDA.

`states` is (2 * layers, kv_heads, capacity, head_dim), the keys of
layer i at 2 * i and its values at 2 * i + 1, so that a block of positions is one slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...checkpoint.config import TextConfig
from ...errors import BadPrompt, ModelError
from .limits import ARENA_STEP

IDLE = 64 << 20
"""Bytes that an arena without sequences may keep; the next request's images may need the rest."""


@dataclass(slots=True)
class TorchCache:
    """Keys and values of one sequence; `length` of its `capacity` tokens are there so far."""

    capacity: int
    states: torch.Tensor | None  # None once released
    row: int | None = None  # of the arena; None where it has memory of its own
    length: int = 0

    def room(self, tokens: int) -> torch.Tensor:
        """The states, if `tokens` more fit."""
        if self.states is None:
            raise ModelError("the cache was released", "Make a new one with create_cache.")
        if self.length + tokens > self.capacity:
            raise BadPrompt(
                f"{self.length + tokens} tokens do not fit a cache of {self.capacity}",
                "Ask for a cache that holds prompt and answer.",
            )
        return self.states


def state_shape(text: TextConfig, capacity: int) -> tuple[int, int, int, int]:
    """Shape of `TorchCache.states`."""
    return (2 * text.layers, text.kv_heads, capacity, text.head_dim)


class Arena:
    """One tensor for all sequences, (rows, 2 * layers, kv_heads, capacity, head_dim).

    A captured graph bakes addresses in, so a sequence must stay where it is when others join and
    leave. The arena starts as zeros, because masked values are multiplied by 0, and 0 times NaN is
    NaN. Rows are added in pairs, so that the old and the new arena together never hold more than
    two rows per sequence.
    """

    def __init__(self, text: TextConfig, dtype: torch.dtype, device: str) -> None:
        self._text, self._dtype, self._device = text, dtype, device
        self._held: dict[int, TorchCache] = {}
        self.states = self._zeros(0, ARENA_STEP)
        self.version = 0  # changes when `states` moves, which makes captured graphs worthless

    def create(self, capacity: int) -> TorchCache:
        """A cache in a free row; the arena grows if there is none, or none long enough."""
        rows, longest = self.states.shape[0], self.states.shape[3]
        row = next((n for n in range(rows) if n not in self._held), rows)
        needed = max(longest, capacity + -capacity % ARENA_STEP)
        if row == rows or needed > longest:
            if self._held:
                self._grow(max(rows, row + 1 + (row + 1) % 2), needed)
            else:
                self._drop()  # first, so that old and new are never there together
                row, self.states = 0, self._zeros(1, needed)
        cache = TorchCache(capacity, self.states[row], row)
        self._held[row] = cache
        return cache

    def release(self, cache: TorchCache) -> None:
        """Free a cache's row; an arena of up to `IDLE` bytes stays for later sequences."""
        if cache.row is not None and self._held.get(cache.row) is cache:
            del self._held[cache.row]
        if not self._held and self.states.nbytes > IDLE:
            self._drop()

    def _zeros(self, rows: int, capacity: int) -> torch.Tensor:
        shape = (rows, *state_shape(self._text, capacity))
        return torch.zeros(shape, dtype=self._dtype, device=self._device)

    def _drop(self) -> None:
        self.states = self._zeros(0, ARENA_STEP)
        self.version += 1

    def _grow(self, rows: int, capacity: int) -> None:
        old = self.states
        self.states = self._zeros(rows, capacity)
        self.states[: old.shape[0], :, :, : old.shape[3]] = old
        self.version += 1
        for row, cache in self._held.items():
            cache.states = self.states[row]
