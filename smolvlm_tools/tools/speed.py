"""How long a request will take on this machine, from how long the last ones took.

Every stage is a rate: seconds for a tile, for a prompt token that had to be read, for a new token.
A rate is the sum of seconds over the sum of pieces of the last requests, so long requests count
for more, and cached pieces do not count.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ..types import Usage


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a request is expected to take."""

    seconds: float  # until the reply is complete
    first_token: float  # seconds until the reply begins
    new_tokens: int  # of the reply that `seconds` assumes, the mean of the last ones
    requests: int  # it was learnt from


class Speed:
    """Learns rates from the last finished requests; safe between threads."""

    def __init__(self, remembered: int = 16) -> None:
        self._runs: deque[Usage] = deque(maxlen=remembered)
        self._lock = threading.Lock()

    def observe(self, usage: Usage) -> None:
        with self._lock:
            self._runs.append(usage)

    def expect(self, tiles: int, prompt_tokens: int) -> Forecast | None:
        """Forecast a request with nothing cached; None before a comparable one has run."""
        with self._lock:
            runs = list(self._runs)
        look = _rate([(u.seconds.vision, u.tiles - u.cached_tiles) for u in runs])
        read = _rate([(u.seconds.prefill, u.prompt_tokens - u.cached_tokens) for u in runs])
        # The first new token comes out of the prefill.
        write = _rate([(u.seconds.decode, u.completion_tokens - 1) for u in runs])
        if read is None or (look is None and tiles):
            return None
        prepare = _rate([(u.seconds.preprocess, u.tiles) for u in runs]) or 0.0
        length = round(sum(u.completion_tokens for u in runs) / len(runs))
        first = tiles * (prepare + (look or 0.0)) + prompt_tokens * read
        return Forecast(first + max(0, length - 1) * (write or 0.0), first, length, len(runs))


def _rate(runs: list[tuple[float, int]]) -> float | None:
    """Seconds per piece over the runs that had any pieces; None if none had."""
    done = [(seconds, pieces) for seconds, pieces in runs if pieces > 0]
    if not done:
        return None
    return sum(seconds for seconds, _ in done) / sum(pieces for _, pieces in done)
