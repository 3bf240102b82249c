"""Connections that are counted and that end: uvicorn's HTTP/1.1 protocol with clocks and a limit.

uvicorn closes a connection that is idle after an answer and bounds what it buffers of a head. It
waits for ever for a head that never ends, or for a reader who does not read, and takes connections
until the process has no descriptors left. Here every wait on a client has an end:

    head     `Limits.head_seconds` from connecting, or from a later head's first byte: 408
    body     see bodies.py
    answer   none while the model works; `_UNREAD_SECONDS` if the client does not take it
    rest     of a body that was refused: `_REST_SECONDS`
    idle     `Limits.idle_seconds` between requests (uvicorn's `timeout_keep_alive`)

A connection beyond the limit takes the place of another, the oldest first: one that has not brought
a request yet, one that rests between requests, a stream that only listens, whose client comes back,
or a call of more than ten minutes. Where there is none of these it is refused: 503.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .leaving import Leaving

MAX_HEAD = 16_384
"""Bytes of a request's head."""
BACKLOG = 64
"""Connections accepted in one go: so many may exist for a moment beyond the limit."""
_UNREAD_SECONDS = 30.0
_REST_SECONDS = 5.0
_SPARED_AFTER = {"new": 2.0, "idle": 5.0, "listening": 0.5, "busy": 600.0}
"""Seconds in a state after which a connection rather goes than one that has come to its own later.

A client that is closed out while it begins its next request is told of a failure; who listens
comes back. A call goes where there is no other place at all.
"""
_SPARED_EARLY = ("listening", "new", "idle")
"""Who goes where nobody has been in a state for so long: first the one who comes back."""
_FREE_PIECES = 1_000
_LEAST_PIECE = 512
"""Bytes that the pieces of a body must have on average, beyond some: each costs as much as many."""

_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server grants its clients; docs/mcp.md explains each."""

    connections: int = 512
    sessions: int = 500
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 15.0
    session_seconds: float = 1_800.0


def granted_connections(wanted: int) -> int:
    """As many as asked for, but at most half of the descriptors that the process may open."""
    if sys.platform == "win32":
        return wanted
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if most == resource.RLIM_INFINITY else max(1, min(wanted, most // 2))


class Door:
    """The connections of one server, by what they are doing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closed = Counter[str]()
        """How many connections were closed or refused by us, by reason."""
        self._all: dict[Guarded, None] = {}
        self._groups: dict[str, dict[Guarded, float]] = {
            name: {} for name in ("new", "idle", "listening", "busy")
        }
        """By what they do, and since when they do it: those that can best be spared first."""

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Guarded) -> bool:
        """Let a connection in; False if it has to go."""
        if len(self._all) >= self.limits.connections:
            spare = self._spare(connection.loop.time())
            if spare is None:
                self.closed["refused"] += 1
                return False
            spare.end("made_room")
        self._all[connection] = None
        return True

    def note(self, connection: Guarded, state: str) -> None:
        """Remember what a connection does now: "new", "idle", "listening" or "busy"."""
        if connection not in self._all:
            return
        for name, group in self._groups.items():
            if name == state:
                group.setdefault(connection, connection.loop.time())
            else:
                group.pop(connection, None)

    def leave(self, connection: Guarded) -> None:
        """Forget a connection."""
        self._all.pop(connection, None)
        for group in self._groups.values():
            group.pop(connection, None)

    def _spare(self, now: float) -> Guarded | None:
        """Who can go: if possible not one whose client has just come or been answered."""
        oldest = {name: next(iter(group.items())) for name, group in self._groups.items() if group}
        for name, (connection, since) in oldest.items():
            if now - since > _SPARED_AFTER[name]:
                return connection
        for name in _SPARED_EARLY:
            if name in oldest:
                return oldest[name][0]
        return None


class Guarded(H11Protocol):
    """One connection."""

    def __init__(self, *, door: Door, **uvicorn_options: Any) -> None:
        super().__init__(**uvicorn_options)
        self.conn = PiecesCounted(h11.SERVER, MAX_HEAD)
        self._door = door
        self._begun = False
        self._clock: tuple[str, asyncio.TimerHandle] | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if not self._door.enter(self):
            self.transport = transport
            transport.write(_FULL)
            transport.close()
            return
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self)
        self._set_clock(None)
        self._stop_unread()
        super().connection_lost(exc)
        scope: Any = self.scope  # None before the first request
        if scope is not None:
            Leaving.of(scope).happens()

    def data_received(self, data: bytes) -> None:
        self._begun = True
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        self._begun = False
        super().on_response_complete()
        self._look()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # there is an answer already
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(_UNREAD_SECONDS, self.end, "unread")

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_unread()

    def end(self, reason: str) -> None:
        """Close the connection, whatever it does."""
        self._door.closed[reason] += 1
        self._door.leave(self)
        self._set_clock(None)
        if reason == "unread" or self.transport.is_closing():
            self.transport.abort()
            return
        if reason == "head" and self.conn.trailing_data[0]:
            self.transport.write(_LATE)
        self.transport.close()
        self.loop.call_later(1.0, self.transport.abort)  # if not even that is read

    def _look(self) -> None:
        """See what the connection waits for now, and set the clock for it."""
        theirs, limits = self.conn.their_state, self._door.limits
        waiting = theirs is h11.IDLE
        cycle: Any = self.cycle  # None before the first request
        underway = cycle is not None and not cycle.response_complete
        if waiting:
            self._door.note(self, "new" if cycle is None else "idle")
        else:
            listens = underway and self.scope["method"] == "GET"
            self._door.note(self, "listening" if listens else "busy")
        if self.transport.is_closing():
            self._set_clock(None)
        elif waiting and (cycle is None or self._begun or self.conn.trailing_data[0]):
            self._set_clock("head", limits.head_seconds)
        elif theirs is h11.SEND_BODY and not underway:
            self._set_clock("rest", _REST_SECONDS)
        else:
            self._set_clock(None)

    def _set_clock(self, reason: str | None, seconds: float = 0.0) -> None:
        """End the connection in a while for this reason, unless that has been set already."""
        if self._clock is not None:
            running, handle = self._clock
            if running == reason:
                return
            handle.cancel()
        self._clock = (
            None if reason is None else (reason, self.loop.call_later(seconds, self.end, reason))
        )

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class PiecesCounted(h11.Connection):
    """Refuses a body that comes in very many very small pieces, each of which costs an event."""

    _pieces = 0
    _bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            if self._pieces > _FREE_PIECES + self._bytes // _LEAST_PIECE:
                self._pieces = 0  # the error may be met with the rest of the body
                raise h11.RemoteProtocolError("too many small pieces", 400)
        return event


def protocol_of(door: Door) -> Any:
    """What uvicorn calls for each new connection."""
    return partial(Guarded, door=door)
