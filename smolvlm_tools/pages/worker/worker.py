"""`DocumentWorker`: documents read by a child that is replaced whenever a limit ends it."""

from __future__ import annotations

import threading

from ...errors import BackendUnavailable, Closed, DocumentTooCostly, SmolVLMError
from ...images import EncodedImage, ImagePolicy
from ...machine.closing import Closing
from ..page import LONGEST_EDGE, MAX_PAGES, Pages
from .document import LEAVE_OUT, Document, open_with
from .forks import mind_forks
from .limits import WorkerLimits
from .messages import Message
from .process import ChildProcess, Ended


class DocumentWorker(Closing):
    """Opens documents in a child process. A context manager. Thread-safe: one call at a time.

    The child is started by the first call, and again by the next one after it was ended.

    Args:
        policy: limits on pixels and frames; `ImagePolicy()` when None.
        limits: of one call; `WorkerLimits()` when None.
    """

    def __init__(
        self, policy: ImagePolicy | None = None, limits: WorkerLimits | None = None
    ) -> None:
        self._policy, self.limits = policy or ImagePolicy(), limits or WorkerLimits()
        self._process: ChildProcess | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        mind_forks(self)

    @property
    def pid(self) -> int | None:
        """Of the child; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.is_alive else None

    def open(
        self,
        encoded: EncodedImage,
        policy: ImagePolicy | None = None,
        *,
        password: str | None = None,
        longest_edge: int = LONGEST_EDGE,
        max_pages: int = MAX_PAGES,
    ) -> Pages:
        """Open a document or an image as `open_pages` does; the worker's policy when None.

        Each page is read by a call of its own: after one that goes past a limit, the others can
        still be read.

        Raises:
            DocumentTooCostly: a limit was passed, or the child crashed; so do the pages' methods.
            InputError, BackendUnavailable: as `open_pages`; or the child does not start.
            Closed: the worker, or the document, was closed.
        """
        policy = policy or self._policy
        return open_with(self.ask, Document(encoded, policy, password, longest_edge, max_pages))

    def ask(self, document: Document, call: str, number: int) -> Message:
        """Have one call done; see `Document`.

        Raises:
            SmolVLMError: the child ended, and why. What it raised is in the message.
        """
        document.check_open()
        with self._lock:
            return self._ask(document, call, number)

    def has_open(self, document: Document) -> bool:
        """Whether the child has it open already."""
        process = self._process
        return process is not None and process.has_open(document)

    def close(self) -> None:
        """End the child; a call that it is doing raises Closed."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.end("closed")
        with self._lock:
            if self._process is not None:
                self._process.reap()
            self._process = None

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._process = None

    def _ask(self, document: Document, call: str, number: int) -> Message:
        for _ in range(2):
            process = self._running(document)
            try:
                return process.ask(document, call, number)
            except Ended as end:
                self._process = None
                if end.why != "idle":  # else it went while it was being asked: ask another one
                    raise self._error(end, document, number) from None
        raise self._error(Ended("crash", "it ended twice"), document, number)

    def _running(self, document: Document) -> ChildProcess:
        process = self._process
        if process is not None and (not process.is_alive or process.is_worn_for(document)):
            process.reap()
            process = self._process = None
        if process is None:
            process = self._process = ChildProcess(self.limits)
        if self._is_closed:
            process.end("closed")
        return process

    def _error(self, end: Ended, document: Document, number: int) -> SmolVLMError:
        what = f"page {number} of {document.name}" if number else document.name
        limits = self.limits
        if end.why == "closed":
            return Closed("the document worker was closed", "Open the document with another one.")
        if end.why == "start":
            return BackendUnavailable(
                f"the process that reads documents does not start ({end.how})",
                "Check the installation: the same Python must be able to import smolvlm_tools.",
            )
        reason = {
            "time": f"{what} took longer than {limits.seconds:g} s to read",
            "cpu": f"{what} took more than {limits.cpu_seconds} s of processor time to read",
            "memory": f"{what} needed more than {limits.memory_bytes:,} bytes to read",
        }.get(end.why, f"the reader crashed on {what} ({end.how})")
        return DocumentTooCostly(reason, LEAVE_OUT)
