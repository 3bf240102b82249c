"""A reply on its way from the worker's thread to its caller, chunk by chunk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from ..errors import Cancelled
from ..machine.closing import Closing
from ..types import StreamChunk, VisionResult

Item: TypeAlias = StreamChunk | BaseException
"""What travels: a chunk, or the failure that ends the reply."""


class Channel:
    """The worker's end of a reply.

    Args:
        deliver: hands an item to the caller's side; called on the worker's thread. It must not
            hold the reply itself, or a dropped reply would never be noticed.
        closed: set when the caller's side is closed or gone.
        cancel: set by the caller to stop the work, besides closing the reply.
    """

    def __init__(
        self,
        deliver: Callable[[Item], None],
        closed: threading.Event,
        cancel: threading.Event | None = None,
    ) -> None:
        self.deliver = deliver
        self.closed = closed
        self._cancel = cancel

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when nobody wants the rest."""
        if self.closed.is_set() or (self._cancel is not None and self._cancel.is_set()):
            raise Cancelled("the request was cancelled", "Ask again.")


def _ends(item: Item) -> bool:
    return isinstance(item, BaseException) or item.result is not None


class _CallersEnd:
    """What both kinds of stream do with a reply."""

    channel: Channel
    _result: VisionResult | None = None

    def close(self) -> None:
        """Give up the rest; the engine stops within one token or one batch of tiles."""
        self.channel.closed.set()

    def __del__(self) -> None:
        self.close()

    def _take(self, item: Item) -> StreamChunk:
        if isinstance(item, BaseException):
            self.close()
            try:
                raise item
            finally:
                del item  # a failure must not hold, through its traceback, the frame that holds it
        if item.result is not None:
            self._result = item.result
            self.close()
        return item

    def _finished(self) -> VisionResult:
        if self._result is None:
            raise Cancelled("the reply was closed before its end", "Ask again.")
        return self._result


class ReplyStream(_CallersEnd, Iterator[StreamChunk], Closing):
    """The chunks of one reply as they come; closing or dropping it stops the decoding.

    A context manager. To be iterated by one thread at a time.
    """

    def __init__(self, cancel: threading.Event | None = None) -> None:
        self._items = items = queue.SimpleQueue[Item]()
        self._only_end = only_end = threading.Event()

        def deliver(item: Item) -> None:
            if _ends(item) or not only_end.is_set():
                items.put(item)

        self.channel = Channel(deliver, threading.Event(), cancel)

    def __next__(self) -> StreamChunk:
        if self.channel.closed.is_set():
            raise StopIteration
        return self._take(self._items.get())

    def result(self) -> VisionResult:
        """Wait for the end of the reply, or look back at it.

        Raises:
            Cancelled: the stream was closed before.
        """
        self._only_end.set()  # waking a thread for every token would hold up the engine's
        with self:
            for _ in self:
                pass
        return self._finished()


class AsyncReplyStream(
    _CallersEnd, AsyncIterator[StreamChunk], AbstractAsyncContextManager["AsyncReplyStream"]
):
    """`ReplyStream` for an event loop: waiting never blocks the loop, cancelling stops the engine.

    To be made inside the running loop that iterates it.
    """

    def __init__(self, cancel: threading.Event | None = None) -> None:
        closed = threading.Event()
        items: asyncio.Queue[Item] = asyncio.Queue()
        self._items = items
        self._only_end = only_end = threading.Event()

        def deliver(item: Item) -> None:
            if only_end.is_set() and not _ends(item):
                return
            try:
                loop.call_soon_threadsafe(items.put_nowait, item)
            except RuntimeError:  # the loop is closed: nobody is left to read
                closed.set()

        self.channel = Channel(deliver, closed, cancel)
        loop = asyncio.get_running_loop()  # last: `close` works even when there is none

    async def __anext__(self) -> StreamChunk:
        if self.channel.closed.is_set():
            raise StopAsyncIteration
        try:
            return self._take(await self._items.get())
        except asyncio.CancelledError:
            self.close()
            raise

    async def result(self) -> VisionResult:
        """Wait for the end of the reply, or look back at it.

        Raises:
            Cancelled: the stream was closed before.
        """
        self._only_end.set()  # as above: the loop would wake for every token
        async with self:
            async for _ in self:
                pass
        return self._finished()

    async def aclose(self) -> None:
        """`close`, under the name async generators use."""
        self.close()

    async def __aexit__(self, *_: object) -> None:
        self.close()
