"""Serving many clients over streamable HTTP at /mcp, behind a check of names, origin and token."""

from __future__ import annotations

import hmac
import os
import socket
import sys
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smolvlm_tools.errors import BadOptions

from .calls import GONE
from .settings import Settings, is_loopback

PATH = "/mcp"
MAX_BODY = 28_000_000
"""Bytes of a request: an image of 20 MB in base64 (26.7 MB) and the message around it."""
_LARGE = 1_000_000
_MAX_HELD = 4 * MAX_BODY
"""Bytes of large requests in flight: each takes its size several times while it is read."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """Checks the Host and Origin headers and the token, and notices clients that leave.

    Cheap checks come first: no byte of a stranger's body is read.
    """

    def __init__(self, app: ASGIApp, allowed: TransportSecuritySettings, token: str | None) -> None:
        self._app = app
        self._headers = TransportSecurityMiddleware(allowed)
        self._token = None if token is None else token.encode()
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = await self._headers.validate_request(request)
        if refusal is None and not self._has_token(request.headers.get("authorization", "")):
            refusal = JSONResponse(
                {"error": "invalid_token", "error_description": "A bearer token is needed."},
                status_code=401,
                headers={"WWW-Authenticate": 'Bearer realm="smolvlm", error="invalid_token"'},
            )
        size = _size(request)
        if refusal is None and size > _LARGE and self._held + size > _MAX_HELD:
            refusal = Response("Too many large requests at once", 503, {"Retry-After": "2"})
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        gone = scope[GONE] = anyio.Event()

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                gone.set()
            return message

        self._held += size
        try:
            await self._app(scope, watched, send)
        finally:
            self._held -= size

    def _has_token(self, authorization: str) -> bool:
        if self._token is None:
            return True
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode("utf-8", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._token)


def _size(request: Request) -> int:
    """Bytes of the body: 0 for small ones, the largest possible if the client gives no length."""
    if request.method != "POST":
        return 0
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 10 else MAX_BODY
    return min(size, MAX_BODY) if size > _LARGE else 0


def allowed_headers(settings: Settings, host: str) -> TransportSecuritySettings:
    """Accepted values of Host and Origin: loopback names, the bound host, those in the settings."""
    name = f"[{host}]" if ":" in host else host
    names = [*_LOOPBACK, *((name,) if host not in ("0.0.0.0", "::") else ())]
    hosts = [value for n in names for value in (n, f"{n}:*")]
    local = is_loopback(host)
    origins = [f"http://{n}{tail}" for n in _LOOPBACK for tail in ("", ":*") if local]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*hosts, *settings.allowed_hosts],
        allowed_origins=[*origins, *settings.allowed_origins],
    )


def listen(address: tuple[str, int]) -> socket.socket:
    """A listening socket."""
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise BadOptions(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)})",
            "Choose another address; port 0 takes any that is free.",
        ) from None


def make_uvicorn(
    server: Server[Any], settings: Settings, listener: socket.socket
) -> uvicorn.Server:
    """The HTTP server for a socket that is already listening."""
    host = settings.address[0] if settings.address else listener.getsockname()[0]
    allowed = allowed_headers(settings, host)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        transport_security=allowed,
        host=host,
    )
    token = settings.token.get_secret_value() if settings.token else None
    config = uvicorn.Config(
        Gate(app, allowed, token),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    return uvicorn.Server(config)


async def serve_http(server: Server[Any], settings: Settings, listener: socket.socket) -> None:
    """Serve until the process is told to stop."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"serving MCP on http://{shown}:{port}{PATH}", file=sys.stderr, flush=True)
    if not is_loopback(host) and not settings.allowed_hosts:
        names = ", ".join(n for n in allowed_headers(settings, host).allowed_hosts if ":*" not in n)
        print(f"clients must call it {names}; add names with --allow-host", file=sys.stderr)
    await make_uvicorn(server, settings, listener).serve(sockets=[listener])
