"""The lines of stdin, read ahead on a thread, and checked before the SDK parses them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import mcp_types as types

from .parsing import MAX_BODY, find_fault, refusal, told_id

MAX_LINE = MAX_BODY
"""Bytes of a line; a longer one is answered with an error."""
_CHUNK = 1 << 20
_AHEAD = 64
"""Lines read before the server has taken them; of large ones fewer."""
_KEPT = 2_000
"""Bytes kept of either end of a line that is too long."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was thrown away, but for its first and last bytes."""

    start: bytes
    end: bytes


class Lines(AsyncIterator[bytes]):
    """The messages among the lines of a descriptor, read by a thread that nobody has to wait for.

    The SDK's own reader cannot be abandoned while the client is silent, which is when a person
    presses Ctrl-C. A line that is no message goes to `answer_fault` instead: the SDK would pass
    over it, and its sender wait for ever. Construct it inside the running loop.
    """

    answer_fault: Callable[[types.JSONRPCError], Awaitable[None]] | None = None
    """Sends an answer to the client; to be set before the first line is asked for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | TooLong | None] = asyncio.Queue()
        self._ahead = 0
        self._bytes_ahead = 0
        self._taken = threading.Condition()
        threading.Thread(target=self._read, name="smolvlm-stdin", daemon=True).start()

    async def __anext__(self) -> bytes:
        while (line := await self._take()) is not None:
            if isinstance(line, TooLong):
                told = told_id(line.start, line.end)
                reason = f"Invalid request: a line of more than {MAX_LINE:,} bytes"
                fault = refusal(reason, types.INVALID_REQUEST, told)
            elif not line.strip():
                continue
            else:
                fault = find_fault(line)
                if fault is None:
                    return line
            if self.answer_fault is not None:
                await self.answer_fault(fault)
        raise StopAsyncIteration

    def end(self) -> None:
        """Deliver no more lines, whatever the client still sends; callable from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)

    async def _take(self) -> bytes | TooLong | None:
        line = await self._lines.get()
        with self._taken:
            self._ahead -= 1
            self._bytes_ahead -= len(line) if isinstance(line, bytes) else 0
            self._taken.notify()
        return line

    def _read(self) -> None:
        begun = _Begun()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is reading
            while chunk := os.read(self._descriptor, _CHUNK):
                first, *others = chunk.split(b"\n")
                begun.add(first)
                for start in others:
                    self._hand_over(begun.line())
                    begun = _Begun()
                    begun.add(start)
            self._hand_over(None)

    def _hand_over(self, line: bytes | TooLong | None) -> None:
        size = len(line) if isinstance(line, bytes) else 0
        with self._taken:
            self._taken.wait_for(
                lambda: (
                    (self._ahead < _AHEAD and self._bytes_ahead + size <= MAX_LINE)
                    or not self._ahead
                )
            )
            self._ahead += 1
            self._bytes_ahead += size
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


class _Begun:
    """A line as far as it has come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._start = b""

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_LINE:
            kept = b"".join(self._parts)
            self._start = self._start or kept[:_KEPT]
            self._parts = [kept[-_KEPT:]]

    def line(self) -> bytes | TooLong:
        whole = b"".join(self._parts)
        return TooLong(self._start, whole[-_KEPT:]) if self._start else whole
