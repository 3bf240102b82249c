"""Serving many clients over streamable HTTP at /mcp, behind checks of names, origin and token.

    guard (connections, heads) -> Front (health, metrics, refusals) -> bodies -> sessions -> the SDK

Cheap checks come first: no byte of a stranger's body is read.
"""

from __future__ import annotations

import hmac
import math
import os
import socket
import sys
from collections import deque
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smolvlm_tools import __version__
from smolvlm_tools.errors import BadOptions

from .access_log import AccessLog
from .bodies import Refused, Room, expected, read_body
from .guard import BACKLOG, MAX_HEAD, Door, Limits, granted_connections, protocol_of
from .leaving import Leaving
from .metrics import MISSING, Metrics
from .observing import Activity
from .origins import LOOPBACK, Allowed
from .parsing import MAX_BODY as MAX_BODY
from .sessions import Sessions
from .settings import Settings, is_loopback

PATH = "/mcp"
HEALTH = "/healthz"
METRICS = "/metrics"
_MAX_HEADERS = 100
UNAUTHORIZED = 'Bearer realm="smolvlm", error="invalid_token"'
"""The challenge of an answer to a request without the token (RFC 6750)."""


class Front:
    """What every request meets first; notices clients that leave."""

    def __init__(
        self,
        app: ASGIApp,
        allowed: Allowed,
        token: str | None,
        door: Door,
        metrics: Metrics | None = None,
    ) -> None:
        self._app, self._allowed = app, allowed
        self._token = None if token is None else token.encode()
        self._door, self._metrics = door, metrics
        self.room = Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = self.answer(scope)
        if response is None:
            try:
                await self._read_and_serve(scope, receive, send)
                return
            except Refused as refused:
                self._door.closed[refused.reason] += 1
                response = self.refuse(scope, refused)
        await response(scope, receive, send)

    def answer(self, scope: Scope) -> Response | None:
        """The answer to a request that needs no more than its head, or None."""
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in raw)
        if size > MAX_HEAD or len(raw) > _MAX_HEADERS:
            return PlainTextResponse("Request header fields too large", 431)
        reads = scope["method"] in ("GET", "HEAD")
        if scope["path"] == HEALTH and reads:  # asked by the number of the machine, without a token
            return JSONResponse({"status": "ok", "version": __version__})
        return self.answer_checked(scope, reads)

    def answer_checked(self, scope: Scope, reads: bool) -> Response | None:
        """The same once the head is short enough: what it says is checked here."""
        headers = Headers(scope=scope)
        refusal = self.wrong_place(headers) or self.wrong_token(headers)
        if refusal is not None or scope["path"] in (PATH, f"{PATH}/"):  # the SDK redirects that
            return refusal
        if scope["path"] == METRICS and reads:
            return self.metrics()
        return PlainTextResponse("Not found; MCP is served at /mcp", 404)

    def refuse(self, scope: Scope, refused: Refused) -> Response:
        """The answer to a body that is not taken."""
        return refused.response

    def takes_json(self, headers: Headers) -> bool:
        """Whether the levels and values of a body are counted."""
        return True

    def metrics(self) -> Response:
        """The numbers for Prometheus."""
        if self._metrics is None:
            return PlainTextResponse(MISSING, 501)
        return Response(self._metrics.text(), media_type=self._metrics.media_type)

    def wrong_place(self, headers: Headers) -> Response | None:
        """The answer to a request for another host, or from another site's page."""
        if self._allowed.refuses_host(headers.getlist("host")):
            return PlainTextResponse("Invalid Host header", 421)
        if self._allowed.refuses_origin(headers.getlist("origin")):
            return PlainTextResponse("Invalid Origin header", 403)
        return None

    def wrong_token(self, headers: Headers) -> Response | None:
        """The answer to a request without the token."""
        if self._has_token(headers.getlist("authorization")):
            return None
        return JSONResponse(
            {"error": "invalid_token", "error_description": "A bearer token is needed."},
            status_code=401,
            headers={"WWW-Authenticate": UNAUTHORIZED},
        )

    def _has_token(self, authorizations: list[str]) -> bool:
        if self._token is None:
            return True
        if len(authorizations) != 1:
            return False
        scheme, _, token = authorizations[0].partition(" ")
        given = token.strip().encode("utf-8", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._token)

    async def _read_and_serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        body = expected(headers)
        try:
            messages = await read_body(
                body,
                self.room,
                receive,
                self._door.limits.body_seconds,
                is_json=self.takes_json(headers),
            )
            if messages is not None:
                await self._serve(scope, messages, receive, send)
        finally:
            self.room.give_back(body)

    async def _serve(
        self, scope: Scope, messages: deque[Message], receive: Receive, send: Send
    ) -> None:
        leaving = Leaving.of(scope)

        async def replayed() -> Message:
            if messages:
                return messages.popleft()
            message = await receive()
            if message["type"] == "http.disconnect":
                leaving.happens()
            return message

        await self._app(scope, replayed, send)


def allowed_names(settings: Settings, host: str) -> tuple[list[str], list[str]]:
    """Accepted Hosts and Origins: of loopback, the bound name, and those in the settings."""
    name = f"[{host}]" if ":" in host else host
    names = [*LOOPBACK, *((name,) if host not in ("0.0.0.0", "::") else ())]
    origins = [f"http://{n}:*" for n in LOOPBACK if is_loopback(host)]
    return (
        [*(f"{n}:*" for n in names), *settings.allowed_hosts],
        [*origins, *settings.allowed_origins],
    )


def limits_of(settings: Settings) -> Limits:
    """What the settings grant, within what the process may open."""
    connections = granted_connections(settings.max_connections)
    if connections < settings.max_connections:
        print(
            f"at most {connections} connections, since this process may open only twice as many "
            "files (ulimit -n)",
            file=sys.stderr,
            flush=True,
        )
    return Limits(
        connections,
        settings.max_sessions,
        settings.head_timeout,
        settings.body_timeout,
        settings.idle_timeout,
        settings.session_timeout,
    )


def listen(address: tuple[str, int]) -> socket.socket:
    """A listening socket."""
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise BadOptions(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)})",
            "Choose another address; port 0 takes any that is free.",
        ) from None
    # Its connections inherit this. asyncio sets it only where the socket names its protocol, and
    # without it every answer waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def mcp_app(server: Server[Any], limits: Limits, host: str) -> Sessions:
    """MCP over streamable HTTP, as an ASGI app behind a `Front`."""
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        session_idle_timeout=limits.session_seconds,
        max_sessions=limits.sessions + limits.connections,  # `Sessions` makes room before that
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        host=host,
    )
    return Sessions(app, limits.sessions, limits.session_seconds)


def uvicorn_of(app: ASGIApp, door: Door) -> uvicorn.Server:
    """An HTTP server with the door's limits, to serve on sockets that are listening already."""
    config = uvicorn.Config(
        app,
        http=protocol_of(door),
        ws="none",
        log_config=None,
        log_level="error",  # a stranger's broken request is no line in the log
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_keep_alive=math.ceil(door.limits.idle_seconds),
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    return uvicorn.Server(config)


def make_uvicorn(
    server: Server[Any],
    settings: Settings,
    listener: socket.socket,
    activity: Activity | None = None,
) -> uvicorn.Server:
    """The HTTP server for a socket that is already listening."""
    host = settings.address[0] if settings.address else listener.getsockname()[0]
    limits = limits_of(settings)
    door = Door(limits)
    sessions = mcp_app(server, limits, host)
    token = settings.token.get_secret_value() if settings.token else None
    activity = activity or Activity()
    metrics = Metrics.make(activity)
    front = Front(sessions, Allowed.of(*allowed_names(settings, host)), token, door, metrics)
    if metrics is not None:
        metrics.watch(door, sessions, front.room)
    return uvicorn_of(AccessLog(front) if settings.access_log else front, door)


async def serve_http(
    server: Server[Any],
    settings: Settings,
    listener: socket.socket,
    activity: Activity | None = None,
) -> None:
    """Serve until the process is told to stop."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving MCP on http://{shown}:{port}{PATH}", file=sys.stderr, flush=True)
    if not is_loopback(host) and not settings.allowed_hosts:
        names = ", ".join(n.removesuffix(":*") for n in allowed_names(settings, host)[0])
        print(f"clients must call it {names}; add names with --allow-host", file=sys.stderr)
    await make_uvicorn(server, settings, listener, activity).serve(sockets=[listener])
