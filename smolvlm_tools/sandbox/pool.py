"""`Pool`: several workers for many threads, and the pool of the whole process."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from ..errors import BadOptions, Closed
from ..machine.closing import Closing
from ..machine.stopping import check_stopped, current_check
from .forks import mind_forks
from .held import Held, Request
from .limits import WorkerLimits
from .messages import Message
from .worker import Worker

_LOOK_SECONDS = 0.05
"""How often somebody who waits for a worker looks whether that is still wanted."""

REST_SECONDS = 10.0
"""After so long without a call, children that only many slow calls have needed are ended."""


class Pool(Closing):
    """Workers that take each call as they are free. A context manager. Thread-safe.

    What a worker has open stays with it where it is free; else another is handed it too. Children
    are started as they are needed, so a pool that nobody uses costs nothing.

    Args:
        size: the most calls that are done at the same time, besides slow ones.
        limits: of one call; `WorkerLimits()` when None.
        slow: the most slow calls besides them, so that they do not make the others wait.

    Raises:
        BadOptions: a size below 1.
    """

    def __init__(self, size: int, limits: WorkerLimits | None = None, slow: int = 0) -> None:
        if size < 1:
            raise BadOptions(f"a pool of {size} workers reads nothing", "Use 1 or more.")
        self._size, self._slow = size, slow
        self.limits = limits or WorkerLimits()
        self._workers = [Worker(self.limits) for _ in range(size + slow)]
        self._free = list(self._workers)
        self._beside: set[Worker] = set()
        self._is_closed = False
        self._changed = threading.Condition()
        self._used: dict[Worker, float] = {}
        self._tidying: threading.Timer | None = None
        mind_forks(self)

    @property
    def pids(self) -> list[int]:
        """Of the children that run now."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    def ask(self, held: Held, request: Request) -> Message:
        """Have a call done by a worker, once one is free; see `Worker.ask`."""
        with self._borrow(held) as worker:
            return worker.ask(held, request, partial(self._let_another_begin, worker))

    def close(self) -> None:
        """End all children; calls that they are doing, or that wait for them, raise Closed."""
        with self._changed:
            self._is_closed = True
            if self._tidying is not None:
                self._tidying.cancel()
            self._changed.notify_all()
        for worker in self._workers:
            worker.close()

    def after_fork(self) -> None:
        self._changed = threading.Condition()
        self._free = list(self._workers)
        self._beside = set()
        self._tidying = None

    @contextmanager
    def _borrow(self, held: Held) -> Generator[Worker]:
        with self._changed:
            while not self._changed.wait_for(self._is_next, _LOOK_SECONDS if _asks() else None):
                check_stopped()
            if self._is_closed:
                raise Closed("the pool of workers was closed", "Make another one.")
            # The one used last: where one is enough, the others are not started.
            having = [worker for worker in self._free if worker.has_open(held)]
            worker = (having or self._free)[-1]
            self._free.remove(worker)
        try:
            yield worker
        finally:
            with self._changed:
                self._beside.discard(worker)
                self._free.append(worker)
                self._used[worker] = time.monotonic()
                self._tidy_later()
                self._changed.notify()

    def _tidy_later(self) -> None:
        """Have children that are too many ended once they have rested; the lock is held."""
        if self._tidying is None and not self._is_closed and len(self.pids) > self._size:
            self._tidying = threading.Timer(REST_SECONDS, self._tidy)
            self._tidying.name, self._tidying.daemon = "smolvlm-tidy", True
            self._tidying.start()

    def _tidy(self) -> None:
        """End the children that rest, but for as many as are warm as a rule."""
        with self._changed:
            self._tidying = None
            since = time.monotonic() - REST_SECONDS
            resting = [worker for worker in self._free if worker.pid is not None][: -self._size]
            ended = [worker for worker in resting if self._used.get(worker, 0.0) <= since]
            self._free = [worker for worker in self._free if worker not in ended]
        for worker in ended:
            worker.rest()
        with self._changed:
            self._free[:0] = ended
            self._tidy_later()
            self._changed.notify_all()

    def _is_next(self) -> bool:
        busy = len(self._workers) - len(self._free) - len(self._beside)
        return self._is_closed or (bool(self._free) and busy < self._size)

    def _let_another_begin(self, worker: Worker) -> None:
        """Count a slow call beside the others, as far as there is room for slow ones."""
        with self._changed:
            if worker not in self._free and len(self._beside) < self._slow:
                self._beside.add(worker)
                self._changed.notify()


def _asks() -> bool:
    return current_check() is not None


SHARED = Pool(2, WorkerLimits(idle_seconds=300), slow=8)
"""For `ImagePolicy.isolate`, whoever asks."""
