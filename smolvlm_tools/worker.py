"""One thread that works requests off a bounded queue; knows jobs, not models.

The model is driven by this one thread only, so neither it nor its caches need locks.
"""

from __future__ import annotations

import atexit
import queue
import threading
import traceback
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
        # A thread that computes while the interpreter goes away would abort the process.
        atexit.register(self.close)

    def submit(self, run: Run, channel: Channel) -> None:
        """Queue a request; its chunks or its failure arrive through `channel`.

        Raises:
            Busy: the queue is full.
            Closed: the engine was closed.
        """
        with self._lock:
            if self._closing:
                raise _closed()
            if not self._thread.is_alive():
                raise Closed("the engine's thread is gone", "Load the model after a fork.")
            if self._unfinished > self._max_queue:
                raise Busy(
                    f"{self._max_queue} requests are waiting already",
                    "Try again later, or load the model with a larger max_queue.",
                )
            self._unfinished += 1
            self._jobs.put((run, channel))

    def close(self) -> None:
        """Stop the running request and the waiting ones (`Closed`), and end the thread."""
        atexit.unregister(self.close)
        with self._lock:
            if not self._closing:
                self._closing = True
                self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            run, channel = job
            last = self._answer(run, channel)
            if isinstance(last, BaseException):
                traceback.clear_frames(last.__traceback__)
            del job, run  # a request's images must not outlive it, not even inside an error
            with self._lock:
                self._unfinished -= 1
            channel.deliver(last)  # who has an answer may ask again at once
            del last, channel

    def _answer(self, run: Run, channel: Channel) -> StreamChunk | BaseException:
        """Deliver all of a reply but its end, which is returned."""

        def check_cancelled() -> None:
            if self._closing:
                raise _closed()
            channel.check_cancelled()

        try:
            check_cancelled()
            for chunk in run(check_cancelled):
                if chunk.result is not None:
                    return chunk
                channel.deliver(chunk)
            raise AssertionError("a reply ends with a result")
        except BaseException as error:  # whatever it is, the caller waits for it
            return error


def _closed() -> Closed:
    return Closed("the engine is closed", "Load the model again.")
