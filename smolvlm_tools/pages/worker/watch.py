"""Watches a child while it works, and ends it at its limits of time and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from .limits import WorkerLimits

_SAMPLE_SECONDS = 0.02


class Watch:
    """While its block runs, calls `end` with "time" or "memory" once that is used up."""

    def __init__(
        self, pid: int, limits: WorkerLimits, seconds: float, end: Callable[[str], None]
    ) -> None:
        self._pid, self._most, self._end = pid, limits.memory_bytes, end
        self._until = time.monotonic() + seconds
        self._done = Event()
        self._thread = Thread(target=self._watch, name="smolvlm-watch", daemon=True)
        self.most_resident = 0
        """Bytes: the most that was seen."""

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                return self._end("time")
            if self._done.wait(min(left, _SAMPLE_SECONDS)):
                return None
            resident = resident_bytes(self._pid)
            self.most_resident = max(self.most_resident, resident)
            if resident > self._most:
                return self._end("memory")


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
