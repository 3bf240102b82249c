"""How long a stage of a call will probably still take, by the rate that it has had so far."""

from __future__ import annotations

import math
from typing import Protocol

LEAST_SECONDS = 1.0
"""What is counted in less time is no rate yet: the first pieces may have come from a cache."""


class Counted(Protocol):
    """What `Progress` says of a stage, and what agents' tools say of one."""

    @property
    def stage(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def page(self) -> int: ...


class Pace:
    """The rates of one call's stages, page by page.

    The clock is the caller's: any number of seconds that only grows.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[int, str], tuple[int, float]] = {}
        self._last: dict[tuple[int, str], tuple[int, float]] = {}

    def take(self, progress: Counted, now: float) -> None:
        """Take in how far a stage had come at `now` seconds."""
        place = progress.page, progress.stage
        self._first.setdefault(place, (progress.done, now))
        self._last[place] = progress.done, now

    def left(self, progress: Counted, now: float) -> str:
        """Such as "about 8 s left", of the stage that `progress` is of.

        Of tokens it is "at most", as an answer may end before its limit. It is "" before a rate is
        known, and once the time it said is over.
        """
        seconds = self._seconds(progress, now)
        if seconds is None:
            return ""
        about = "at most" if progress.stage == "decode" else "about"
        return f"{about} {_amount(seconds)} left"

    def _seconds(self, progress: Counted, now: float) -> float | None:
        place = progress.page, progress.stage
        if place not in self._first:
            return None
        (began, since), (done, at) = self._first[place], self._last[place]
        if at - since < LEAST_SECONDS or done <= began:
            return None
        seconds = (at - since) / (done - began) * (progress.total - done) - (now - at)
        return seconds if seconds > 0 else None


def _amount(seconds: float) -> str:
    """Rounded up: "8 s", "2 min"."""
    return f"{math.ceil(seconds)} s" if seconds <= 90 else f"{math.ceil(seconds / 60)} min"
