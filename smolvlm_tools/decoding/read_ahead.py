"""Reads guessed tokens together with the one that was said: those that are right cost no step."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..arrays import Logits
from ..backends.base import AnyBackend
from .lookup import Lookup
from .protocol import NextToken
from .running import RunningReply
from .sampling import top_margin

ROUNDING = 1e-3
"""Logits that are no farther apart count as equal."""


class ReadAhead:
    """The tokens of one reply on their way into its cache, and guesses behind them.

    What is said is what would be said without guesses. A guess counts only if the very token is
    chosen. The logits of tokens that were read together may differ in their last digits from those
    of tokens that were read one by one, so where two tokens are as close as that, the last one is
    read again by itself.

    Args:
        lookup: makes the guesses; None for none.
    """

    def __init__(self, backend: AnyBackend, reply: RunningReply, lookup: Lookup | None) -> None:
        self._backend, self._reply, self._lookup = backend, reply, lookup
        matcher = reply.spoken.matcher
        self._margin = matcher.margin if matcher else top_margin
        self._ahead: deque[tuple[int, Logits]] = deque()
        self._guessed = 0

    def read(self, tokens: Sequence[int], room: int) -> Generator[NextToken, Any, Logits]:
        """The logits (vocab,) after `tokens`, which were said.

        Args:
            room: most tokens that can still be said after them.
        """
        if self._lookup:
            self._lookup.push(*tokens)
        unread, logits = self._match(tokens)
        if logits is None:
            logits = yield from self._read(unread, room)
        if self._guessed and self._margin(logits) < ROUNDING:
            self._forget(len(self._ahead) + 1)
            (logits,) = yield NextToken(tokens[-1], self._reply.cache)
        return logits

    def end(self) -> None:
        """Forget the guesses that were not said."""
        self._forget(len(self._ahead))

    def _match(self, tokens: Sequence[int]) -> tuple[Sequence[int], Logits | None]:
        """Those of `tokens` that were not guessed, and the logits if all were."""
        logits = None
        for index, token in enumerate(tokens):
            if not self._ahead or self._ahead[0][0] != token:
                self._forget(len(self._ahead))
                return tokens[index:], None
            logits = self._ahead.popleft()[1]
        return (), logits

    def _read(self, tokens: Sequence[int], room: int) -> Generator[NextToken, Any, Logits]:
        cache = self._reply.cache
        if len(tokens) > 1:
            return self._backend.forward(np.array(tokens), cache)
        guesses = self._lookup.guess(room) if self._lookup else ()
        rows = yield NextToken(tokens[0], cache, guesses)
        self._guessed = len(rows) - 1
        self._ahead.extend(zip(guesses, rows[1:], strict=False))  # no rows where others step, too
        return rows[0]

    def _forget(self, count: int) -> None:
        """Take the last `count` tokens out of the cache, and with them all guesses."""
        if self._guessed and self._lookup:
            self._lookup.learn(self._guessed - len(self._ahead), self._guessed)
        self._guessed = 0
        self._ahead.clear()
        if count:
            cache = self._reply.cache
            self._backend.truncate_cache(cache, cache.length - count)
