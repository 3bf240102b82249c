"""`WorkerPool`: several workers for many threads, and the pool of the whole process."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from ...errors import BadOptions, Closed
from ...images import EncodedImage, ImagePolicy
from ...machine.closing import Closing
from ..page import LONGEST_EDGE, MAX_PAGES, Pages
from .document import Document, open_with
from .forks import mind_forks
from .limits import WorkerLimits
from .messages import Message
from .worker import DocumentWorker


class WorkerPool(Closing):
    """Workers that take each call as they are free. A context manager. Thread-safe.

    A document stays with the worker that has it open where that one is free; else another opens it
    too. Children are started as they are needed, so a pool that nobody uses costs nothing.

    Args:
        size: the most documents that are read at the same time.
        policy: limits on pixels and frames; `ImagePolicy()` when None.
        limits: of one call; `WorkerLimits()` when None.

    Raises:
        BadOptions: a size below 1.
    """

    def __init__(
        self,
        size: int,
        policy: ImagePolicy | None = None,
        limits: WorkerLimits | None = None,
    ) -> None:
        if size < 1:
            raise BadOptions(f"a pool of {size} workers reads nothing", "Use 1 or more.")
        self._policy = policy or ImagePolicy()
        self._workers = [DocumentWorker(policy, limits) for _ in range(size)]
        self._free = list(self._workers)
        self._is_closed = False
        self._changed = threading.Condition()
        mind_forks(self)

    @property
    def pids(self) -> list[int]:
        """Of the children that run now."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    def open(
        self,
        encoded: EncodedImage,
        policy: ImagePolicy | None = None,
        *,
        password: str | None = None,
        longest_edge: int = LONGEST_EDGE,
        max_pages: int = MAX_PAGES,
    ) -> Pages:
        """Open a document; see `DocumentWorker.open`. Calls wait until a worker is free."""
        document = Document(encoded, policy or self._policy, password, longest_edge, max_pages)
        return open_with(self.ask, document)

    def ask(self, document: Document, call: str, number: int) -> Message:
        """Have one call done by a free worker; see `DocumentWorker.ask`."""
        with self._borrow(document) as worker:
            return worker.ask(document, call, number)

    def close(self) -> None:
        """End all children; calls that they are doing, or that wait for them, raise Closed."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.close()

    def after_fork(self) -> None:
        self._changed = threading.Condition()
        self._free = list(self._workers)

    @contextmanager
    def _borrow(self, document: Document) -> Generator[DocumentWorker]:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._is_closed)
            if self._is_closed:
                raise Closed("the pool of document workers was closed", "Make another one.")
            # The one used last: where one is enough, the others are not started.
            having = [worker for worker in self._free if worker.has_open(document)]
            worker = (having or self._free)[-1]
            self._free.remove(worker)
        try:
            yield worker
        finally:
            with self._changed:
                self._free.append(worker)
                self._changed.notify()


SHARED = WorkerPool(2, limits=WorkerLimits(idle_seconds=300))
"""For `ImagePolicy.isolate`, whoever asks: a document that hangs leaves a worker to the others."""
