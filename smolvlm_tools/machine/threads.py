"""Threads for work that an event loop must not wait for, and that ends when nobody wants it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from ..errors import Cancelled
from .stopping import Check, stoppable_by

T = TypeVar("T")

_MOST = 32
"""Threads of one loop: most wait for child processes or for a network. `asyncio.to_thread` has six
on two cores, so that a few slow images would hold up every other call."""


class Event(Protocol):
    """Something that says whether it has happened."""

    def is_set(self) -> bool: ...


def check_of(*events: Event | None) -> Check:
    """Raises `Cancelled` once one of the events is set."""

    def check() -> None:
        if any(event is not None and event.is_set() for event in events):
            raise Cancelled("the request was cancelled", "Ask again.")

    return check


async def in_thread(work: Callable[[], T], cancel: Event | None = None) -> T:
    """Do something on a thread; cancelling the task, or the event, ends its waits."""
    gone = threading.Event()
    check = check_of(cancel, gone)

    def run() -> T:
        with stoppable_by(check):
            check()
            return work()

    loop = asyncio.get_running_loop()
    if (threads := _THREADS.get(loop)) is None:
        threads = _THREADS[loop] = ThreadPoolExecutor(_MOST, "smolvlm-call")
    try:
        return await loop.run_in_executor(threads, run)
    finally:
        gone.set()


_THREADS: WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor] = WeakKeyDictionary()
