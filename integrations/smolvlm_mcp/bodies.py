"""Bodies of requests: read whole before anything is started for them, in bounded time and memory.

A body must come within `Limits.body_seconds`, and every `PACE_BYTES` of it within `PACE_SECONDS`.
Large ones need room, since each takes its size several times while it is worked on. One that has
been coming for longer than `_GIVE_WAY` seconds loses its room to one that waits for it, the slowest
first: somebody who sends slowly, or not at all, keeps nobody out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import mcp_types as types
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive

from .parsing import MAX_BODY, JsonScan, refusal, told_id

PACE_SECONDS = 10.0
PACE_BYTES = 160_000
_SMALL = 250_000
"""Bytes of a body that needs no room."""
_LARGE = 4_000_000
"""Bytes of a body from which it may fill only a part of the room: others pass beside four such."""
_ROOM = 4 * MAX_BODY
_ROOM_BESIDE = 64_000_000
_GIVE_WAY = 2.0
_PATIENCE = 6.0
"""Seconds that a large body waits for room before it is put off."""


class Refused(Exception):
    """A body is not taken; holds the answer, and the reason in a word."""

    def __init__(self, reason: str, response: Response) -> None:
        super().__init__(reason)
        self.reason, self.response = reason, response


class Body:
    """One body on its way in."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.came = 0
        self.complete = False
        self._given_up = False
        self._at_mark = 0
        self._receiving = anyio.CancelScope()
        self.start()

    def start(self) -> None:
        """Set its clock to now."""
        self.started = self._marked = anyio.current_time()

    def pace(self, now: float) -> float:
        """Bytes a second lately."""
        return (self.came - self._at_mark) / max(now - self._marked, 0.1)

    def take(self, count: int) -> None:
        """Note bytes that came."""
        self.came += count
        if self.came - self._at_mark >= PACE_BYTES:
            self._marked, self._at_mark = anyio.current_time(), self.came

    def give_up(self) -> None:
        """Take no more of it."""
        self._given_up = True
        self._receiving.cancel()

    async def receive(self, receive: Receive, seconds: float) -> Message | None:
        """The next message, or None if it does not come in time or the body has to give way."""
        if self._given_up:
            return None
        until = min(self.started + seconds, self._marked + PACE_SECONDS)
        with anyio.CancelScope(deadline=until) as self._receiving:
            return await receive()
        return None


class Room:
    """The bytes of all bodies that are being read or worked on."""

    def __init__(self) -> None:
        self._bodies: dict[Body, None] = {}

    @property
    def held(self) -> int:
        """Bytes that have been granted."""
        return sum(body.size for body in self._bodies)

    @asynccontextmanager
    async def granted(self, body: Body) -> AsyncGenerator[None]:
        """Hold room for a body; raises `Refused` if there is none for long."""
        if body.size > _SMALL:
            await self._wait(body)
        try:
            yield
        finally:
            self._bodies.pop(body, None)

    async def _wait(self, body: Body) -> None:
        until = anyio.current_time() + _PATIENCE
        while not self._fits(body):
            if anyio.current_time() >= until:
                raise Refused("no_room", _text("Too many large requests", 503, "Retry-After", "2"))
            if not self._make_room():
                await anyio.sleep(0.1)
        self._bodies[body] = None
        body.start()

    def _fits(self, body: Body) -> bool:
        room = _ROOM if body.size > _LARGE else _ROOM + _ROOM_BESIDE
        return self.held + body.size <= room

    def _make_room(self) -> bool:
        """Let the slowest of the bodies that have been coming for long give way."""
        now = anyio.current_time()
        slow = [b for b in self._bodies if not b.complete and now - b.started > _GIVE_WAY]
        if slow:
            slowest = min(slow, key=lambda body: body.pace(now))
            del self._bodies[slowest]
            slowest.give_up()
        return bool(slow)


def expected(headers: Headers) -> Body:
    """A request's body that is still to come: as large as may be if the client gives no length."""
    if "transfer-encoding" in headers:
        return Body(MAX_BODY)
    declared = headers.get("content-length", "0")
    size = int(declared) if declared.isdecimal() and len(declared) < 12 else MAX_BODY + 1
    if size > MAX_BODY:
        raise Refused("too_large", _too_large())
    return Body(size)


async def read_body(body: Body, receive: Receive, seconds: float) -> deque[Message] | None:
    """The messages that make up a body of JSON, or None if the client has left.

    Raises:
        Refused: it is too large, too slow, or has more levels or values than a message may.
    """
    messages: deque[Message] = deque()
    scan = JsonScan()
    while not body.complete:
        message = await body.receive(receive, seconds)
        if message is None:
            text = "The body comes too slowly"
            raise Refused("body", _text(text, 408, "Connection", "close"))
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        body.take(len(part))
        if body.came > MAX_BODY:
            raise Refused("too_large", _too_large())
        body.complete = not message.get("more_body", False)
        reason = scan.feed(part)
        if reason is not None:
            start: bytes = messages[0].get("body", b"") if messages else part
            raise Refused("json", _fault(reason, start, part))
        messages.append(message)
    body.size = min(body.size, body.came)
    return messages


def _fault(reason: str, start: bytes, end: bytes) -> Response:
    answer = refusal(f"Invalid request: {reason}", types.INVALID_REQUEST, told_id(start, end))
    content = answer.model_dump_json(by_alias=True, exclude_unset=True)
    return Response(content, 400, media_type="application/json")


def _too_large() -> Response:
    return PlainTextResponse("Request body too large", 413)


def _text(text: str, status: int, name: str, value: str) -> Response:
    return PlainTextResponse(text, status, {name: value})
