"""Progress of a call, from the engine's thread to its client.

The protocol wants a number that grows with each notification, so the stages share a scale of 100
by what they usually cost; pages that are read side by side share what follows loading. The message
has the exact counts. Progress that comes faster than a client can take is merged: the newest count
of a stage replaces the one before, and no stage is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from smolvlm_tools.tools import ToolProgress

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
    """Sends one call's progress; constructed inside the running event loop."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._pending: dict[tuple[int, str], ToolProgress] = {}
        self._news = asyncio.Event()
        self._sending = asyncio.Lock()
        self._read: dict[int, float] = {}
        self._sent = -1.0

    def on_progress(self, progress: ToolProgress) -> None:
        """Take progress from any thread; returns at once."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is listening
            self._loop.call_soon_threadsafe(self._take, progress)

    async def run(self) -> None:
        """Send progress as it comes, until cancelled."""
        while True:
            await self._news.wait()
            await self._drain()
            await asyncio.sleep(_PAUSE)

    async def flush(self) -> None:
        """Send what has not been sent yet, before the call is answered."""
        await asyncio.sleep(0)  # lets in what was reported during this turn of the loop
        await self._drain()

    def _take(self, progress: ToolProgress) -> None:
        self._pending[progress.page, progress.stage] = progress
        self._news.set()

    async def _drain(self) -> None:
        async with self._sending:  # `run` is cancelled after `flush`: what it sends must be out
            self._news.clear()
            while self._pending:
                await self._pass_on(self._pending.pop(next(iter(self._pending))))

    async def _pass_on(self, news: ToolProgress) -> None:
        reached = self._reached(news)
        if reached > self._sent:
            self._sent = reached
            await self._send(reached, TOTAL, news.message)

    def _reached(self, news: ToolProgress) -> float:
        """Where the call is on the scale."""
        start, end = _SHARES[news.stage]
        reached = start + (end - start) * min(1.0, news.done / max(1, news.total))
        if news.stage == "load":
            return reached
        loaded = _SHARES["load"][1]
        self._read[news.page] = max(self._read.get(news.page, 0.0), reached - loaded)
        return loaded + sum(self._read.values()) / news.pages
