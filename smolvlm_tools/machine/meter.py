"""How much memory is in use, and the peak since a given moment.

A process has one high-water mark, but several requests may each measure their own peak: before the
mark is reset for one of them, its value is recorded for all that are open.
"""

from __future__ import annotations

import functools
import sys
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol

SAMPLE_SECONDS = 0.005
THREAD = "smolvlm-memory"


class HighWaterMark(Protocol):
    """Bytes in use now, and the peak since the last `reset`; `rest` ends measuring until then."""

    def now(self) -> int: ...
    def peak(self) -> int: ...
    def reset(self) -> None: ...
    def rest(self) -> None: ...


class Meter:
    """Peaks of overlapping spans of time, from one high-water mark. Thread-safe."""

    def __init__(self, mark: HighWaterMark) -> None:
        self._mark = mark
        self._lock = threading.Lock()
        self._open: dict[Span, int] = {}

    def now(self) -> int:
        return self._mark.now()

    def start(self) -> Span:
        with self._lock:
            self._note()
            self._mark.reset()
            span = Span(self)
            self._open[span] = self._mark.now()
            return span

    def end(self, span: Span) -> int:
        """End a span; returns the most bytes in use since its start."""
        with self._lock:
            self._note()
            peak = self._open.pop(span, 0)
            if not self._open:
                self._mark.rest()
            return peak

    def _note(self) -> None:
        peak = self._mark.peak() if self._open else 0
        for span, before in self._open.items():
            self._open[span] = max(before, peak)


class Span:
    """A stretch of time whose peak is measured."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def end(self) -> int:
        """End the span; returns its peak in bytes, or 0 if it has ended before."""
        return self._meter.end(self)


class LinuxProcess:
    """This process's resident set, by the kernel's own mark (VmHWM, proc(5)).

    `ru_maxrss` would not do: a child process starts with its parent's.
    """

    STATUS = Path("/proc/self/status")
    CLEAR = Path("/proc/self/clear_refs")

    def now(self) -> int:
        return self._read("VmRSS:")

    def peak(self) -> int:
        return self._read("VmHWM:")

    def reset(self) -> None:
        self.CLEAR.write_text("5", encoding="ascii")

    def rest(self) -> None:
        """Nothing to do: the kernel measures at no cost."""

    def _read(self, name: str) -> int:
        with self.STATUS.open(encoding="ascii", errors="replace") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


class Sampled(ABC):
    """A mark for systems without one that can be reset: samples every `SAMPLE_SECONDS`."""

    def __init__(self) -> None:
        self._peak = 0
        self._stop: threading.Event | None = None

    @abstractmethod
    def now(self) -> int: ...

    def peak(self) -> int:
        return max(self._peak, self.now())

    def reset(self) -> None:
        self._peak = self.now()
        if self._stop is None:
            stop = self._stop = threading.Event()
            threading.Thread(target=self._watch, args=(stop,), name=THREAD, daemon=True).start()

    def rest(self) -> None:
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, self.now())


class SampledLinuxProcess(Sampled):
    """For Linux where the kernel's mark cannot be reset, as in some sandboxes."""

    def now(self) -> int:
        return LinuxProcess().now()


class SampledProcess(Sampled):
    """For macOS and Windows, by psutil."""

    def now(self) -> int:
        import psutil

        return int(psutil.Process().memory_info().rss)


@functools.cache
def resident() -> Meter:
    """The meter of this process's resident memory, libraries and mapped weights included."""
    if not sys.platform.startswith("linux"):
        return Meter(SampledProcess())
    mark = LinuxProcess()
    try:
        mark.reset()
    except OSError:
        return Meter(SampledLinuxProcess())
    return Meter(mark)
