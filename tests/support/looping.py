"""A backend that gets stuck in a phrase where a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STUCK = 50.0
"""Logit of the token that comes next in the phrase; the others have 0."""


@dataclass(eq=False)
class LoopingBackend:
    """Another backend, whose replies to images of certain numbers of tiles get stuck.

    Attributes:
        tokens_per_tile: of the checkpoint.
        tiles: of the replies that get stuck.
        after: tokens that are said before.
        phrase: tokens that are said over and over then.
        on_image: called with the number of tiles when a prompt with images is read.
    """

    backend: Any
    tokens_per_tile: int
    tiles: Collection[int]
    after: int
    phrase: Sequence[int]
    on_image: Callable[[int], object] = lambda tiles: None
    most_guesses: int = 0
    seen: list[int] = field(default_factory=list[int])
    begun: dict[int, int] = field(default_factory=dict[int, int])
    """By the identity of its cache, the length of the prompt of each reply that gets stuck."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def create_cache(self, capacity):
        cache = self.backend.create_cache(capacity)
        self.begun.pop(id(cache), None)  # of one that is gone
        return cache

    def forward(self, token_ids, cache, features=()):
        logits = self.backend.forward(token_ids, cache, features)
        rows = sum(each.size // each.shape[-1] for each in features)
        if tiles := rows // self.tokens_per_tile:
            self.seen.append(tiles)
            self.on_image(tiles)
            if tiles in self.tiles:
                self.begun[id(cache)] = cache.length
        return self._said(cache, logits)

    def step(self, token_ids, caches):
        rows = self.backend.step(token_ids, caches)
        return np.stack([self._said(*each) for each in zip(caches, rows, strict=True)])

    def close(self) -> None:
        """The other backend belongs to the test."""

    def _said(self, cache, logits):
        at = cache.length - self.begun.get(id(cache), cache.length + 1) - self.after
        if at < 0:
            return logits
        stuck = np.zeros_like(logits)
        stuck[self.phrase[at % len(self.phrase)]] = STUCK
        return stuck
