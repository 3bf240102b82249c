"""Sessions of the 2025 era: a limit, at which the one that was used longest ago ends.

The SDK ends a session that has had no request for a while, and refuses new ones at a limit of its
own. Alone that would let somebody who opens sessions and leaves keep everybody else out until they
expire. So here sessions are counted by what passes on the wire, and one too many sends a DELETE for
the oldest that is not in use, as its client might.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import anyio
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(slots=True)
class _Session:
    used: float
    requests: int = 0


class Sessions:
    """An ASGI app that counts the sessions of the one behind it."""

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        self._app, self._most, self._seconds = app, most, seconds
        self._open: OrderedDict[str, _Session] = OrderedDict()
        """Those used longest ago come first."""

    def __len__(self) -> int:
        self._forget_expired()
        return len(self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = Headers(scope=scope).get(MCP_SESSION_ID_HEADER)
        session = None if name is None else self._open.get(name)
        if name is None or session is None:
            await self._app(scope, receive, self._noting(send))
            await self._end_surplus(scope)
            return
        session.requests += 1
        try:
            await self._app(scope, receive, self._noting_end(name, send, scope["method"]))
        finally:
            session.requests -= 1
            session.used = anyio.current_time()
            if name in self._open:
                self._open.move_to_end(name)

    def _noting(self, send: Send) -> Send:
        """Note a session that an answer opens."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                name = Headers(raw=message["headers"]).get(MCP_SESSION_ID_HEADER)
                if name is not None:
                    self._open[name] = _Session(anyio.current_time())
            await send(message)

        return noting

    def _noting_end(self, name: str, send: Send, method: str) -> Send:
        """Note that a session has ended: its client said so, or the SDK does not know it."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 404 or (method == "DELETE" and status < 300):
                    self._open.pop(name, None)
            await send(message)

        return noting

    async def _end_surplus(self, scope: Scope) -> None:
        self._forget_expired()
        while len(self._open) > self._most:
            oldest = next((n for n, session in self._open.items() if not session.requests), None)
            if oldest is None:
                return
            del self._open[oldest]
            await self._app(_goodbye(scope, oldest), _nothing, _drop)

    def _forget_expired(self) -> None:
        """Forget those that the SDK has ended by now."""
        until = anyio.current_time() - self._seconds
        expired: list[str] = []
        for name, session in self._open.items():
            if session.used > until and not session.requests:
                break
            if not session.requests:
                expired.append(name)
        for name in expired:
            del self._open[name]


def _goodbye(scope: Scope, name: str) -> Scope:
    headers = [(MCP_SESSION_ID_HEADER.encode(), name.encode())]
    return {**scope, "method": "DELETE", "headers": headers, "state": {}}


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _drop(message: Message) -> None:
    """The answer to our own goodbye: nobody waits for it."""
