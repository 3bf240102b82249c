"""Progress of a call, from the engine's thread to its client.

The protocol wants a number that grows with each notification, so the stages share a scale of 100
by what they usually cost; pages that are read side by side share what follows loading. The message
has the exact counts and, once a rate is known, how long the stage will still take. Progress that
comes faster than a client can take is merged: the newest count of a stage replaces the one before,
and no stage is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import anyio

from smolvlm_tools.tools import ToolProgress
from smolvlm_tools.types import Pace

TOTAL = 100.0
_PAUSE = 0.1
"""Seconds between two notifications while counts go up."""


_SHARES = {
    "load": (0, 10),
    "preprocess": (10, 15),
    "vision": (15, 50),
    "prefill": (50, 60),
    "decode": (60, 100),
}
"""Where each stage starts and ends on the scale."""

Send = Callable[[float, float, str], Awaitable[None]]
"""Sends progress, total and message to the client."""


class Reporter:
    """Sends one call's progress; constructed inside the running event loop.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._clock = send, clock
        self._pace = Pace()
        self._loop = asyncio.get_running_loop()
        self._pending: dict[tuple[int, str], ToolProgress] = {}
        self._lock = threading.Lock()
        self._is_told = False
        self._news = asyncio.Event()
        self._sending = asyncio.Lock()
        self._read: dict[int, float] = {}
        self._sent = -1.0

    def on_progress(self, progress: ToolProgress) -> None:
        """Take progress from any thread; returns at once."""
        with self._lock:
            self._pace.take(progress, self._clock())
            self._pending[progress.page, progress.stage] = progress
            if self._is_told:  # waking the loop for every token would hold up the engine
                return
            self._is_told = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is listening
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Send progress as it comes, until cancelled."""
        while True:
            await self._news.wait()
            await self._drain()
            await asyncio.sleep(_PAUSE)

    async def flush(self) -> None:
        """Send what has not been sent yet, before the call is answered."""
        await self._drain()

    async def _drain(self) -> None:
        async with self._sending:  # `run` is cancelled after `flush`: what it sends must be out
            self._news.clear()
            while news := self._next():
                await self._pass_on(news)

    def _next(self) -> ToolProgress | None:
        with self._lock:
            self._is_told = bool(self._pending)
            return self._pending.pop(next(iter(self._pending))) if self._pending else None

    async def _pass_on(self, news: ToolProgress) -> None:
        reached = self._reached(news)
        if reached > self._sent:
            self._sent = reached
            left = self._pace.left(news, self._clock())
            said = f"{news.message}, {left}" if left else news.message
            await self._send(reached, TOTAL, said)

    def _reached(self, news: ToolProgress) -> float:
        """Where the call is on the scale."""
        start, end = _SHARES[news.stage]
        reached = start + (end - start) * min(1.0, news.done / max(1, news.total))
        if news.stage == "load":
            return reached
        loaded = _SHARES["load"][1]
        self._read[news.page] = max(self._read.get(news.page, 0.0), reached - loaded)
        return loaded + sum(self._read.values()) / news.pages


@contextlib.asynccontextmanager
async def reporting(send: Send | None) -> AsyncGenerator[Reporter | None]:
    """A reporter at work as long as the block lasts; none where nobody listens."""
    if send is None:
        yield None
        return
    reporter = Reporter(send)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reporter.run)
        yield reporter
        tasks.cancel_scope.cancel()
