"""Bodies of requests: read whole before anything is started for them, in bounded time and memory.

A body must come within `Limits.body_seconds`, and every `PACE_BYTES` of it within `PACE_SECONDS`.
Large ones need room, since each takes its size several times while it is worked on. One that comes
slower than `_SLOW` after `_GIVE_WAY` seconds loses its room to one that waits for it, the slowest
first: somebody who sends slowly, or not at all, keeps nobody out.
"""

from __future__ import annotations

from collections import deque

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
_SLOW = 500_000
"""Bytes a second, over the last second or two."""
_PATIENCE = 6.0
"""Seconds that a large body waits for room before it is put off."""


class Refused(Exception):
    """A body is not taken; holds the answer, and the reason in a word and in a sentence."""

    def __init__(self, reason: str, text: str, response: Response) -> None:
        super().__init__(reason)
        self.reason, self.text, self.response = reason, text, response


class Body:
    """One body on its way in."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.came = 0
        self.complete = False
        self._given_up = False
        self._receiving = anyio.CancelScope()
        self.start()

    def start(self) -> None:
        """Set its clock to now."""
        self.started = anyio.current_time()
        start = (self.started, self.came)
        self._step = start
        self._before, self._mark = start, start

    def pace(self, now: float) -> float:
        """Bytes a second, over the last second or two."""
        self._roll(now)
        since, came = self._before
        return (self.came - came) / max(now - since, 0.1)

    def take(self, count: int) -> None:
        """Note bytes that came."""
        self.came += count
        now = anyio.current_time()
        self._roll(now)
        if self.came - self._step[1] >= PACE_BYTES:
            self._step = (now, self.came)

    def _roll(self, now: float) -> None:
        if now - self._mark[0] >= 1.0:
            self._before, self._mark = self._mark, (now, self.came)

    def give_up(self) -> None:
        """Take no more of it."""
        self._given_up = True
        self._receiving.cancel()

    async def receive(self, receive: Receive, seconds: float) -> Message | None:
        """The next message, or None if it does not come in time or the body has to give way."""
        if self._given_up:
            return None
        until = min(self.started + seconds, self._step[0] + PACE_SECONDS)
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

    async def grant(self, body: Body) -> None:
        """Wait for room for a body; raises `Refused` if there is none for long."""
        until = anyio.current_time() + _PATIENCE
        while not self._fits(body):
            if anyio.current_time() >= until:
                raise _refused("no_room", "Too many large requests", 503, "Retry-After", "2")
            if not self._make_room():
                await anyio.sleep(0.1)
        self._bodies[body] = None
        body.start()

    def give_back(self, body: Body) -> None:
        """Take back what has been granted to a body, if anything."""
        self._bodies.pop(body, None)

    def _fits(self, body: Body) -> bool:
        room = _ROOM if body.size > _LARGE else _ROOM + _ROOM_BESIDE
        return self.held + body.size <= room

    def _make_room(self) -> bool:
        """Let the slowest of the bodies that have been coming for long give way."""
        now = anyio.current_time()
        late = [b for b in self._bodies if not b.complete and now - b.started > _GIVE_WAY]
        slow = [body for body in late if body.pace(now) < _SLOW]
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
        raise _too_large()
    return Body(size)


async def read_body(
    body: Body, room: Room, receive: Receive, seconds: float, *, is_json: bool = True
) -> deque[Message] | None:
    """The messages that make up a body, or None if the client has left.

    Room is asked for when so much has come that it is needed: not for those who only say much.

    Raises:
        Refused: it is too large, too slow, or has more levels or values than a message may.
    """
    messages: deque[Message] = deque()
    scan = JsonScan()
    granted = _SMALL
    while not body.complete:
        message = await body.receive(receive, seconds)
        if message is None:
            raise _refused("body", "The body comes too slowly", 408, "Connection", "close")
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        body.take(len(part))
        if body.came > MAX_BODY:
            raise _too_large()
        body.complete = not message.get("more_body", False)
        reason = scan.feed(part) if is_json else None
        if reason is not None:
            start: bytes = messages[0].get("body", b"") if messages else part
            text = f"Invalid request: {reason}"
            raise Refused("json", text, _fault(text, start, part))
        messages.append(message)
        if granted < body.came and not body.complete:
            await room.grant(body)
            granted = MAX_BODY
    body.size = min(body.size, body.came)
    return messages


def _fault(text: str, start: bytes, end: bytes) -> Response:
    answer = refusal(text, types.INVALID_REQUEST, told_id(start, end))
    content = answer.model_dump_json(by_alias=True, exclude_unset=True)
    return Response(content, 400, media_type="application/json")


def _too_large() -> Refused:
    text = "Request body too large"
    return Refused("too_large", text, PlainTextResponse(text, 413))


def _refused(reason: str, text: str, status: int, name: str, value: str) -> Refused:
    return Refused(reason, text, PlainTextResponse(text, status, {name: value}))
