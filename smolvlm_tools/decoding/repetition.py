"""Notices a reply that loops."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LONGEST_PERIOD = 96
"""Longest phrase, in tokens, whose repetition is noticed."""

LEAST_REPEATS = 4
LEAST_TOKENS = 48
"""A loop is a phrase said at least `LEAST_REPEATS` times over at least `LEAST_TOKENS` tokens."""


class RepetitionGuard:
    """Watches the tail of a token sequence for a phrase that repeats over and over."""

    def __init__(self) -> None:
        periods = np.arange(1, LONGEST_PERIOD + 1)
        # A run of n matches at distance p means p + n tokens of one repeated phrase.
        self._limit = np.maximum(periods * LEAST_REPEATS, LEAST_TOKENS) - periods
        self._matches = np.zeros(LONGEST_PERIOD, dtype=np.int64)
        self._recent = np.full(LONGEST_PERIOD, -1, dtype=np.int64)  # newest first

    def loops_with(self, token_id: int) -> bool:
        """Add a token; True when the sequence now ends in a loop."""
        self._matches = np.where(self._recent == token_id, self._matches + 1, 0)
        self._recent[1:] = self._recent[:-1]
        self._recent[0] = token_id
        return self.loop_length > 0

    @property
    def loop_length(self) -> int:
        """Tokens of the loop that the sequence ends in; 0 where there is none."""
        lengths = self._matches + np.arange(1, LONGEST_PERIOD + 1)
        return int(lengths[self._matches >= self._limit].max(initial=0))


def loop_start(token_ids: Iterable[int]) -> int:
    """How many tokens come before the loop that a sequence ends in; all where there is none."""
    guard, count = RepetitionGuard(), 0
    for token_id in token_ids:
        guard.loops_with(token_id)
        count += 1
    return count - guard.loop_length
