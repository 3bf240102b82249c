"""Waits for room in the engine's queue: LangChain asks for many things at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from smolvlm_tools import Busy

_PATIENCE = 1.0
"""Most seconds between two attempts."""

T = TypeVar("T")


class _Deadline:
    """Seconds of waiting in all."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def pause(self, error: Busy) -> float:
        """Seconds until the next attempt; raises `error` where no time is left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise error
        return min(error.retry_after, _PATIENCE, left)


def with_room(start: Callable[[], T], seconds: float) -> T:
    """What `start` returns, once the queue has room for it.

    Raises:
        Busy: it had none for so long.
    """
    deadline = _Deadline(seconds)
    while True:
        try:
            return start()
        except Busy as error:
            pause = deadline.pause(error)
        time.sleep(pause)


async def awith_room(start: Callable[[], Awaitable[T]], seconds: float) -> T:
    """`with_room` for an event loop."""
    deadline = _Deadline(seconds)
    while True:
        try:
            return await start()
        except Busy as error:
            pause = deadline.pause(error)
        await asyncio.sleep(pause)
