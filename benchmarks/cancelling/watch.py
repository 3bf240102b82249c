"""What the engine, the pool of child processes and this process are doing: read from inside."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psutil

from smolvlm_tools import SmolVLM
from smolvlm_tools.sandbox import SHARED

PATIENCE = 10.0
"""Seconds after which what was given up is stuck: a slow document would take 18."""

_LOOK = 0.001
_STAGES = {"encode": "vision", "forward": "prefill", "step": "decode"}
_WORKING = ("smolvlm-images", "smolvlm-call", "smolvlm-watch", "smolvlm-resolver")
"""Names of threads that work for a request."""


class Kept(NamedTuple):
    """What this process has, with no child left that may start again."""

    children: int
    threads: int
    descriptors: int


class Watch:
    """Sees when an engine comes to a stage, and when it has nothing of a request any more.

    Attributes:
        entered: how often a stage was begun.
        step_seconds: of every decode step.
        together: replies in the last one.
    """

    def __init__(self, vlm: SmolVLM) -> None:
        self._worker: Any = vlm._worker
        self.entered = dict.fromkeys(_STAGES.values(), 0)
        self.step_seconds: list[float] = []
        self.together = 0
        backend: Any = vlm._pipeline.backend
        for name, stage in _STAGES.items():
            setattr(backend, name, self._noting(stage, getattr(backend, name)))

    @property
    def replies(self) -> int:
        """Those that the engine works at."""
        return self._worker._running

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._worker._waiting)

    @property
    def reading(self) -> bool:
        """Whether a child has something to do."""
        return len(SHARED._free) < len(SHARED._workers)

    def is_free(self, others: int = 0) -> bool:
        """Whether nothing works, or waits, for a request but `others` that are decoding."""
        return (
            self.replies <= others and not self.waiting and not self.reading and not busy_threads()
        )

    def _noting(self, stage: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **options: Any) -> Any:
            self.entered[stage] += 1
            if stage == "decode":
                self.together = len(args[1])
            began = time.perf_counter()
            try:
                return do(*args, **options)
            finally:
                if stage == "decode":
                    self.step_seconds.append(time.perf_counter() - began)

        return noting


def busy_threads() -> list[str]:
    """Names of the threads that do something for a request; idle ones of executors do not."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [
        names[ident]
        for ident, frame in sys._current_frames().items()
        if names.get(ident, "").startswith(_WORKING) and frame.f_code.co_name != "_worker"
    ]


def wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether it happened within so many seconds."""
    until = time.perf_counter() + seconds
    while not happened():
        if time.perf_counter() > until:
            return False
        time.sleep(_LOOK)
    return True


def kept() -> Kept:
    """End the children that wait for work, and count what is left."""
    for worker in SHARED._workers:
        with worker._lock:
            if worker._process is not None:
                worker._process.reap()
            worker._process = None
    process = psutil.Process()
    return Kept(len(process.children()), process.num_threads(), process.num_fds())
