"""What the service's process takes, looked at again and again from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psutil

EVERY = 2.0
SETTLED = 7
"""Looks in a row that must agree before a process counts as quiet: longer than children rest."""


class Sample(NamedTuple):
    """One look: seconds since the start, bytes, and counts of the process itself.

    `cpu` is the processor's seconds that it has used; `children` and `children_rss` are of all
    processes below it; `waiting` is the engine's queue,
    None where the service does not tell.
    """

    at: float
    rss: int
    descriptors: int
    threads: int
    children: int
    children_rss: int
    cpu: float = 0.0
    waiting: int | None = None


class Sampler:
    """Samples a process every `EVERY` seconds on a thread of its own, until it is closed."""

    def __init__(self, pid: int, waiting: Callable[[], int | None] = lambda: None) -> None:
        self.samples: list[Sample] = []
        self._process = psutil.Process(pid)
        self._waiting = waiting
        self._begun = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="soak-sampler", daemon=True)
        self._thread.start()

    def look(self) -> Sample:
        """A sample of this moment."""
        process = self._process
        with process.oneshot():
            rss, threads = process.memory_info().rss, process.num_threads()
            cpu = sum(process.cpu_times()[:2])
        descriptors = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        children = process.children(recursive=True)
        held = 0
        for child in children:
            with suppress(psutil.Error):  # it has ended since
                held += child.memory_info().rss
        at = time.monotonic() - self._begun
        return Sample(at, rss, descriptors, threads, len(children), held, cpu, self._waiting())

    def quiet(self, longest: float) -> Sample:
        """Wait until descriptors and threads stay as they are, at most `longest` seconds."""
        until = time.monotonic() + longest
        seen: list[Sample] = []
        while time.monotonic() < until:
            seen.append(self.look())
            last = {(one.descriptors, one.threads) for one in seen[-SETTLED:]}
            if len(seen) >= SETTLED and len(last) == 1:
                break
            time.sleep(EVERY)
        return seen[-1]

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            with suppress(psutil.Error):  # the service has ended: the run says so itself
                self.samples.append(self.look())


def extremes(samples: Sequence[Sample], name: str) -> tuple[Any, Any]:
    """The smallest and largest of a column, (None, None) if nothing is known of it."""
    values = [value for one in samples if (value := getattr(one, name)) is not None]
    return (min(values), max(values)) if values else (None, None)
