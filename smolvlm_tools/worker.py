"""One thread that works requests off a bounded queue; knows jobs, not models.

The model is driven by this one thread only, so neither it nor its caches need locks.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

from .errors import BadOptions, Busy, Closed
from .generation import CheckCancelled
from .reply import Channel
from .types import StreamChunk

Run: TypeAlias = Callable[[CheckCancelled], Iterator[StreamChunk]]
"""Does one request; called on the worker's thread."""


class Worker:
    """Runs one request after the other.

    Args:
        max_queue: most requests that may wait besides the running one; more raise `Busy`.
    """

    def __init__(self, max_queue: int) -> None:
        if max_queue < 1:
            raise BadOptions(f"max_queue {max_queue} is too small", "Use 1 or more.")
        self._max_queue = max_queue
        self._jobs: queue.SimpleQueue[tuple[Run, Channel] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="smolvlm", daemon=True)
        self._thread.start()

    def submit(self, run: Run, channel: Channel) -> None:
        """Queue a request; its chunks or its failure arrive through `channel`.

        Raises:
            Busy: the queue is full.
            Closed: the engine was closed.
        """
        with self._lock:
            if self._closing:
                raise _closed()
            if self._unfinished > self._max_queue:
                raise Busy(
                    f"{self._max_queue} requests are waiting already",
                    "Try again later, or load the model with a larger max_queue.",
                )
            self._unfinished += 1
            self._jobs.put((run, channel))

    def close(self) -> None:
        """Stop the running request and the waiting ones (`Closed`), and end the thread."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._answer(*job)
            del job  # the request's images must not outlive it
            with self._lock:
                self._unfinished -= 1

    def _answer(self, run: Run, channel: Channel) -> None:
        def check_cancelled() -> None:
            if self._closing:
                raise _closed()
            channel.check_cancelled()

        try:
            check_cancelled()
            for chunk in run(check_cancelled):
                channel.deliver(chunk)
        except BaseException as error:  # whatever it is, the caller waits for it
            channel.deliver(error)


def _closed() -> Closed:
    return Closed("the engine is closed", "Load the model again.")
