"""Many calls at a time, on one event loop in a thread of its own.

Each is looked after from outside: if its caller is gone, the engine is closed or the server silent
for too long, its task is cancelled, which closes the connection.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ...errors import RemoteTimeout, SmolVLMError
from ...types import StreamChunk
from ..refusals import busy, closed, without_thread
from ..reply import Channel, Item
from ..worker import check_sizes

_LOOK = 0.05
"""Seconds between two looks at whether a call is still wanted."""


class Patience:
    """How long a server has been silent; nothing runs out while none is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: float | None = None

    def touch(self) -> None:
        """Something came from the server, or it is waited for from now on."""
        self._since = time.monotonic()

    def rest(self) -> None:
        """No server is waited for."""
        self._since = None

    @property
    def is_over(self) -> bool:
        return self._since is not None and time.monotonic() - self._since > self.seconds


Run: TypeAlias = Callable[[Callable[[StreamChunk], None], Patience], Awaitable[StreamChunk]]
"""Makes one call, given what takes its chunks; returns the last one."""


class Calls:
    """Makes calls, up to `at_once` of them at a time.

    Args:
        max_queue: most calls that may wait besides those; more raise `Busy`.
        timeout: most seconds in which nothing comes from the server.
        finish: awaited on the loop at the end.
    """

    def __init__(
        self,
        at_once: int,
        max_queue: int,
        timeout: float,
        finish: Callable[[], Awaitable[None]],
    ) -> None:
        check_sizes(at_once, max_queue)
        self._at_once, self._max_queue, self._timeout = at_once, max_queue, timeout
        self._finish = finish
        self._lock = threading.Lock()
        self._inside = 0
        self._usual_seconds = 1.0
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._room = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._work, name="smolvlm-remote", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def submit(self, run: Run, channel: Channel) -> None:
        """Queue a call; its chunks or its failure arrive through `channel`.

        Raises:
            Busy: the queue is full.
            Closed: the engine was closed.
        """
        with self._lock:
            self._check_room()
            self._inside += 1
        self._loop.call_soon_threadsafe(self._begin, run, channel)

    def check_room(self) -> None:
        """Raise what `submit` would raise now."""
        with self._lock:
            self._check_room()

    def _check_room(self) -> None:
        if self._closing:
            raise closed()
        if not self._thread.is_alive():
            raise without_thread()
        if self._inside >= self._at_once + self._max_queue:
            raise busy(self._max_queue, self._usual_seconds / self._at_once)

    def close(self) -> None:
        """Stop all calls (`Closed`), and end the thread."""
        atexit.unregister(self.close)
        with self._lock:
            self._closing = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _begin(self, run: Run, channel: Channel) -> None:
        task = self._loop.create_task(self._serve(run, channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._until_closed())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _until_closed(self) -> None:
        while not self._closing or self._inside:
            await asyncio.sleep(_LOOK)
        await self._finish()

    async def _serve(self, run: Run, channel: Channel) -> None:
        began = time.monotonic()
        outcome = await self._outcome(run, channel)
        with self._lock:
            self._inside -= 1
            if not isinstance(outcome, BaseException):
                self._usual_seconds += 0.3 * (time.monotonic() - began - self._usual_seconds)
        channel.deliver(outcome)  # last: the caller may submit again immediately

    async def _outcome(self, run: Run, channel: Channel) -> Item:
        patience = Patience(self._timeout)

        async def work() -> StreamChunk:
            async with self._room:
                return await run(channel.deliver, patience)

        task = asyncio.ensure_future(work())
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK)
            problem = None if task.done() else self._problem(channel, patience)
            if problem is not None:
                task.cancel()
                await asyncio.wait({task})
                return problem
        return task.exception() or task.result()

    def _problem(self, channel: Channel, patience: Patience) -> SmolVLMError | None:
        """Why a call must not go on."""
        if self._closing:
            return closed()
        if patience.is_over:
            return RemoteTimeout(
                f"nothing came from the server for {patience.seconds:g} s",
                "Ask for less at once, or look into the server's log. Or raise `timeout`.",
            )
        try:
            channel.check_cancelled()
        except SmolVLMError as error:
            return error
        return None
