"""How far the answer about one image has come, in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..types import Pace, Progress
from .images import Place


class Course:
    """Told by the engine of its progress, on the engine's thread; read by the progress line.

    Args:
        place: which image it is; None where it is not about one of several.
        clock: seconds that only grow.
    """

    def __init__(
        self, place: Place | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._place, self._clock = place, clock
        self._pace = Pace()
        self._last: Progress | None = None
        self._began: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Take in how far it has come."""
        now = self._clock()
        if self._began is None:
            self._began = now
        self._pace.take(progress, now)
        self._last = progress

    def words(self) -> str:
        """Such as "image 2 of 20: looking: 7 of 13 tiles, 4 s, about 3 s left"."""
        told = ", ".join(self._parts())
        return told if self._place is None else self._place.working(told)

    def _parts(self) -> list[str]:
        progress, began = self._last, self._began
        if progress is None or began is None:
            return ["looking"]
        now = self._clock()
        seconds = int(now - began)
        passed = f"{seconds} s" if seconds else ""
        return [part for part in (_stage(progress), passed, self._pace.left(progress, now)) if part]


def _stage(progress: Progress) -> str:
    done, total = progress.done, progress.total
    if progress.stage == "vision":
        return f"looking: {done} of {total} {'tile' if total == 1 else 'tiles'}"
    if progress.stage == "prefill":
        if done == total:
            return "writing"
        if total > 1:
            return f"reading question {done + 1} of {total}"
        return "reading the prompt"
    if progress.stage == "decode":
        return f"writing: {done} {'token' if done == 1 else 'tokens'}"
    return "looking"
