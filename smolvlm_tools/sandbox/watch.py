"""Watches a child while it works; ends it at its limits, or when its answer is no longer wanted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import SmolVLMError
from ..machine.stopping import current_check
from .limits import SLOW_SECONDS, WorkerLimits


class Watch:
    """Calls `end` with "time", "memory" or "stopped" when a look finds that it is so.

    Attributes:
        most_resident: bytes, the most that was seen.
        stopped: why the answer is no longer wanted, if that ended it.
    """

    def __init__(
        self,
        pid: int,
        limits: WorkerLimits,
        seconds: float,
        end: Callable[[str], None],
        on_slow: Callable[[], None],
    ) -> None:
        self._pid, self._most, self._end, self._on_slow = pid, limits.memory_bytes, end, on_slow
        now = time.monotonic()
        self._until, self._slow_at = now + seconds, now + SLOW_SECONDS
        self._check = current_check()  # of the thread that asks
        self._is_slow = False
        self.most_resident = 0
        self.stopped: SmolVLMError | None = None

    def look(self) -> bool:
        """Look once; whether the child was ended."""
        now = time.monotonic()
        resident = resident_bytes(self._pid)
        self.most_resident = max(self.most_resident, resident)
        if why := self._why_to_end(now, resident):
            self._end(why)
            return True
        if now >= self._slow_at and not self._is_slow:
            self._is_slow = True
            self._on_slow()
        return False

    def _why_to_end(self, now: float, resident: int) -> str | None:
        if now >= self._until:
            return "time"
        if resident > self._most:
            return "memory"
        return None if self._is_wanted() else "stopped"

    def _is_wanted(self) -> bool:
        try:
            if self._check is not None:
                self._check()
        except SmolVLMError as error:
            self.stopped = error
        return self.stopped is None


def resident_bytes(pid: int) -> int:
    """Memory that a process has in use; 0 if it is gone."""
    if sys.platform == "linux":
        import resource

        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * resource.getpagesize()
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
