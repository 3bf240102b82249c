"""One thread that works replies off a bounded queue.

The model is driven by this one thread only, so neither it nor its caches need locks.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from ..decoding.protocol import CheckCancelled, Deliver, ReplySteps
from ..errors import BadOptions, Cancelled
from .refusals import busy, closed, without_thread
from .reply import Channel
from .scheduler import DecodeStep, Job, Outcome, Scheduler

Run: TypeAlias = Callable[[Deliver, CheckCancelled], ReplySteps]
"""Makes one reply; called and driven on the worker's thread."""


_NEWEST = 0.3
"""Weight of the last request in what requests usually take."""


@dataclass(eq=False, slots=True)
class _Waiting:
    run: Run
    channel: Channel


def check_bounds(**bounds: object) -> None:
    """Check numbers of requests; raises BadOptions for the first that is none."""
    for name, value in bounds.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadOptions(f"{name} {value!r:.60} is not a number", "Use 1 or more.")
        if value < 1:
            raise BadOptions(f"{name} {value} is too small", "Use 1 or more.")


class Worker:
    """Makes replies, up to `batch_size` of them together.

    Args:
        max_queue: most requests that may wait besides those, for their images or for room; more
            raise `Busy`.
    """

    def __init__(self, decode_step: DecodeStep, batch_size: int, max_queue: int) -> None:
        check_bounds(batch_size=batch_size, max_queue=max_queue)
        self._decode_step = decode_step
        self._batch_size = batch_size
        self._max_queue = max_queue
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._usual_seconds = 1.0
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
        with self._changed:
            self._check_room()
            self._waiting.append(_Waiting(run, channel))
            self._changed.notify()

    def check_room(self) -> None:
        """Raise what `submit` would raise now."""
        with self._changed:
            self._check_room()

    def _check_room(self) -> None:
        if self._closing:
            raise closed()
        if not self._thread.is_alive():
            raise without_thread()
        if self._is_full():
            self._drop_cancelled()
        if self._is_full():
            raise busy(self._max_queue, self._usual_seconds / max(1, self._running))

    def close(self) -> None:
        """Stop the running requests and the waiting ones (`Closed`), and end the thread."""
        atexit.unregister(self.close)
        with self._changed:
            self._closing = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _is_full(self) -> bool:
        # Those that were taken in beyond `batch_size` wait too: for their images, then for room.
        return self._running + len(self._waiting) >= self._batch_size + self._max_queue

    def _drop_cancelled(self) -> None:
        """Free the places of requests that nobody waits for any more."""
        kept: deque[_Waiting] = deque()
        for waiting in self._waiting:
            try:
                waiting.channel.check_cancelled()
            except Cancelled as error:
                waiting.channel.deliver(error.with_traceback(None))  # its frames hold requests
            else:
                kept.append(waiting)
        self._waiting = kept

    def _work(self) -> None:
        scheduler = Scheduler(self._decode_step, self._batch_size, self._wake)
        while True:
            waiting = self._take(scheduler)
            if waiting:
                scheduler.add(self._job(waiting))
            elif scheduler.idle:
                return
            del waiting  # a request's images must not outlive it
            scheduler.turn()

    def _take(self, scheduler: Scheduler) -> _Waiting | None:
        """The next request, if there is room for it; waits while there is nothing else to do."""

        def is_next() -> bool:
            return scheduler.has_room and bool(self._waiting)

        def something_to_do() -> bool:
            return self._closing or not scheduler.rests or is_next()

        with self._changed:
            self._drop_cancelled()  # they need not wait for room to be told
            self._changed.wait_for(something_to_do, scheduler.patience)
            if not is_next():
                return None
            self._running += 1
            return self._waiting.popleft()

    def _wake(self) -> None:
        """There is something to do. Callable from any thread."""
        with self._changed:
            self._changed.notify_all()

    def _job(self, waiting: _Waiting) -> Job:
        channel = waiting.channel

        def check_cancelled() -> None:
            if self._closing:
                raise closed()
            channel.check_cancelled()

        finish = partial(self._finish, channel, time.monotonic())
        return Job(waiting.run(channel.deliver, check_cancelled), finish, check_cancelled)

    def _finish(self, channel: Channel, began: float, outcome: Outcome) -> None:
        with self._changed:
            self._running -= 1
            if not isinstance(outcome, BaseException):
                seconds = time.monotonic() - began
                self._usual_seconds += _NEWEST * (seconds - self._usual_seconds)
        channel.deliver(outcome)  # last: the caller may submit again immediately
