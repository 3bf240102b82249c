"""Lets long work in this thread be ended from outside, without every function having to pass it on.

with stoppable_by(check):     # raises Cancelled once the caller has left
...                       # whatever waits for a child process asks `check` while it waits
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from ..errors import SmolVLMError
from .lookout import looking_after

Check: TypeAlias = Callable[[], None]
"""Raises an error of ours when the work is no longer wanted. Called from any thread, often."""

_CHECK: ContextVar[Check | None] = ContextVar("smolvlm_stop", default=None)


@contextmanager
def stoppable_by(check: Check | None) -> Generator[None]:
    """Have waits in this block, and in what `asyncio.to_thread` starts from it, end by `check`."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def current_check() -> Check | None:
    """What ends waits here; None if nothing does."""
    return _CHECK.get()


def check_stopped() -> None:
    """Raise what the current check raises, if the work is no longer wanted."""
    if (check := _CHECK.get()) is not None:
        check()


@contextmanager
def stopping(stop: Callable[[], object]) -> Generator[None]:
    """Have long work of a library in this block stopped, from another thread, by `stop`.

    It is called once the work is no longer wanted. What the library raises then is the caller's
    to replace: `check_stopped` raises the reason.
    """
    check = _CHECK.get()
    if check is None:
        yield
        return

    def look() -> bool:
        try:
            check()
        except SmolVLMError:
            stop()
            return True
        return False

    with looking_after(look):
        yield
