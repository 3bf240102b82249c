"""The moment by which a whole fetch must be done, and waits that end by it or by a cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

from ..errors import FetchTimeout
from ..machine.stopping import check_stopped

LOOK_SECONDS = 0.05
"""How often a wait looks whether its end is still wanted."""

T = TypeVar("T")


class Deadline:
    """So many seconds from now.

    Args:
        name: what is fetched, for errors.
    """

    def __init__(self, seconds: float, name: str) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._name = name

    def left(self) -> float:
        """Seconds left, for the next socket operation.

        Raises:
            FetchTimeout: there are none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def wait(self, work: Callable[[], T], discard: Callable[[T], object] | None = None) -> T:
        """Do on a thread what nothing can interrupt; the thread is left behind if need be.

        Args:
            discard: told what comes of `work` when nobody waits for it any more.

        Raises:
            FetchTimeout: it is not done by the deadline.
            SmolVLMError: it is no longer wanted (see `machine.stopping`).
            Exception: whatever `work` raises.
        """
        done, is_left = futures.Future[T](), threading.Event()

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # whatever it is, the thread that waits is to know
                done.set_exception(error)
                return
            done.set_result(result)
            if discard is not None and is_left.is_set():
                discard(result)

        threading.Thread(target=run, name="smolvlm-network", daemon=True).start()
        try:
            while not done.done():
                futures.wait([done], min(self.left(), LOOK_SECONDS))
                check_stopped()
        except BaseException:  # whatever it is, what arrives later is to be closed
            is_left.set()
            if discard is not None and done.done() and done.exception() is None:
                discard(done.result())
            raise
        return done.result()

    def error(self) -> FetchTimeout:
        """That it took too long."""
        return FetchTimeout(
            f"{self._name!r} took longer than {self._seconds:g} s",
            "Try again, or download the file yourself. Or raise `ImagePolicy.url_timeout`.",
        )
