"""One thread that looks, fifty times a second, after all that may have to be ended before its end.

A thread of its own for each would cost more than what it looks after often takes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Look: TypeAlias = Callable[[], bool]
"""Looks after something, quickly; whether there is nothing to look for any more."""

LOOK_SECONDS = 0.02
_REST_SECONDS = 1.0
"""After so long without anything to look after, the thread ends."""

_LOG = logging.getLogger(__name__)


class Lookout:
    """Whatever is being looked after, and the thread that does it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._looks: dict[object, Look] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, look: Look) -> Generator[None]:
        """Have something looked after while the block runs, and not a moment longer."""
        key = object()
        with self._changed:
            self._looks[key] = look
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="smolvlm-lookout", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:  # waits for a look that is under way
                self._looks.pop(key, None)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._looks, _REST_SECONDS):
                    self._thread = None
                    return
            time.sleep(LOOK_SECONDS)
            with self._changed:
                for key, look in [*self._looks.items()]:
                    if _is_over(look):
                        del self._looks[key]


def _is_over(look: Look) -> bool:
    try:
        return look()
    except Exception:  # of one must not end what is done for the others
        _LOG.exception("%r failed", look)
        return True


_lookout = Lookout()


def looking_after(look: Look) -> AbstractContextManager[None]:
    """See `Lookout.over`; one for the process."""
    return _lookout.over(look)


def _begin_anew() -> None:
    """After a fork: the thread is not here, and the lock may have been its."""
    global _lookout
    _lookout = Lookout()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
