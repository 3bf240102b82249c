"""How far the answer about one image has come, in words."""

from __future__ import annotations

import time

from ..types import Progress
from .images import Place


class Course:
    """Told by the engine of its progress, on the engine's thread; read by the progress line."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._last: Progress | None = None
        self._began: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Take in how far it has come."""
        if self._began is None:
            self._began = time.monotonic()
        self._last = progress

    def words(self) -> str:
        """Such as "image 2 of 20: looking: 7 of 13 tiles, 4 s"."""
        stage = "looking" if self._last is None else _stage(self._last)
        seconds = 0 if self._began is None else int(time.monotonic() - self._began)
        return self._place.working(f"{stage}, {seconds} s" if seconds else stage)


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
