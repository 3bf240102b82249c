"""Notices a reply that loops."""

from __future__ import annotations

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
        return bool((self._matches >= self._limit).any())
