"""`Worker`: calls done by a child that is replaced whenever a limit ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import BackendUnavailable, Closed, DocumentTooCostly, SmolVLMError
from ..machine.closing import Closing
from .forks import mind_forks
from .held import LEAVE_OUT, Held, Request
from .limits import NICE, SLOW_NICE, WorkerLimits
from .messages import Message
from .process import ChildProcess, Ended


class Worker(Closing):
    """Has calls done by a child process. A context manager. Thread-safe: one call at a time.

    The child is started by the first call, and again by the next one after it was ended.

    Args:
        limits: of one call; `WorkerLimits()` when None.
    """

    def __init__(self, limits: WorkerLimits | None = None) -> None:
        self.limits = limits or WorkerLimits()
        self._process: ChildProcess | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        mind_forks(self)

    @property
    def pid(self) -> int | None:
        """Of the child; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.is_alive else None

    def ask(
        self, held: Held, request: Request, on_slow: Callable[[], None] | None = None
    ) -> Message:
        """Have something done with what is held, which is handed over first if need be.

        `on_slow` is called, on another thread, when that takes long.

        Raises:
            DocumentTooCostly: a limit was passed, or the child crashed.
            BackendUnavailable: the child does not start.
            Closed: the worker, or what is held, was closed.
            SmolVLMError: the answer is no longer wanted (see `machine.stopping`). What the child
                raised is in the message.
        """
        held.check_open()
        with self._lock:
            return self._ask(held, request, on_slow)

    def has_open(self, held: Held) -> bool:
        """Whether the child has it open already."""
        process = self._process
        return process is not None and process.has_open(held)

    def rest(self) -> None:
        """End the child until the next call."""
        with self._lock:
            if self._process is not None:
                self._process.reap()
            self._process = None

    def close(self) -> None:
        """End the child; a call that it is doing raises Closed."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.end("closed")
        self.rest()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._process = None

    def _ask(self, held: Held, request: Request, on_slow: Callable[[], None] | None) -> Message:
        for _ in range(2):
            process, slow = self._running(held), threading.Event()

            def make_way(process: ChildProcess = process, slow: threading.Event = slow) -> None:
                slow.set()
                if process.is_ready:  # a child that starts late is not to start later still
                    process.set_priority(SLOW_NICE)
                if on_slow is not None:
                    on_slow()

            try:
                answer = process.ask(held, request, make_way)
            except Ended as end:
                self._process = None
                if end.why != "idle":  # else it went while it was being asked: ask another one
                    raise self._error(end, request.about(held)) from None
            else:
                if slow.is_set() and not process.set_priority(NICE):
                    process.end("closed")  # it would be slow for everybody
                return answer
        raise self._error(Ended("crash", "it ended twice"), request.about(held))

    def _running(self, held: Held) -> ChildProcess:
        process = self._process
        if process is not None and (not process.is_alive or process.is_worn_for(held)):
            process.reap()
            process = self._process = None
        if process is None:
            process = self._process = ChildProcess(self.limits)
        if self._is_closed:
            process.end("closed")
        return process

    def _error(self, end: Ended, what: str) -> SmolVLMError:
        limits = self.limits
        if end.stopped is not None:
            return end.stopped
        if end.why == "closed":
            return Closed("the worker process was closed", "Use another one.")
        if end.why == "start":
            return BackendUnavailable(
                f"the process that reads images and documents does not start ({end.how})",
                "Check the installation: the same Python must be able to import smolvlm_tools.",
            )
        reason = {
            "time": f"{what} took longer than {limits.seconds:g} s to read",
            "cpu": f"{what} took more than {limits.cpu_seconds} s of processor time to read",
            "memory": f"{what} needed more than {limits.memory_bytes:,} bytes to read",
        }.get(end.why, f"the reader crashed on {what} ({end.how})")
        return DocumentTooCostly(reason, LEAVE_OUT)
