"""Processor time and memory of a process that is not this one."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import psutil


class Meter:
    """Counts what a process takes from `start` on, and the most that a child of it holds."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._cpu = 0.0
        self._held = 0
        self._seen = 0
        self._next = 0.0
        self.most_of_a_child = 0

    def start(self) -> None:
        self._cpu = _cpu(self._process)
        self._held = self._seen = self._process.memory_info().rss
        self.most_of_a_child = 0
        for process in (self._process, *_children(self._process)):
            _forget_peak(process.pid)

    def sample(self, *, also_children: bool = True) -> None:
        """Look; to be called often, as not every system remembers a peak."""
        with contextlib.suppress(psutil.Error):
            self._seen = max(self._seen, _peak(self._process))
        now = time.monotonic()
        if not also_children and now < self._next:  # finding them takes 20 ms
            return
        self._next = now + 0.5
        for child in _children(self._process):
            with contextlib.suppress(psutil.Error):
                self.most_of_a_child = max(self.most_of_a_child, _peak(child))

    @property
    def cpu_seconds(self) -> float:
        with contextlib.suppress(psutil.Error):
            self._last = _cpu(self._process) - self._cpu
        return getattr(self, "_last", 0.0)

    @property
    def extra_bytes(self) -> int:
        """The most memory at any moment, beyond what there was at the start."""
        return self._seen - self._held


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children()
    return []


def _forget_peak(pid: int) -> None:
    """Let Linux begin anew to remember the most memory of a process (proc(5), clear_refs)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(process: psutil.Process) -> int:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, IndexError, ValueError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            return int(status.split("VmHWM:")[1].split()[0]) * 1024
    return process.memory_info().rss
