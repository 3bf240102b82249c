"""Clients of the MCP server that send bytes of their own making, slowly or not at all."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from typing import Any

import httpx2
import psutil

from tests.support.mcp_servers import ACCEPT, PATIENCE

SOON = 20.0
"""Seconds within which a server whose limits are a second or two has let somebody go."""
QUICK = {
    "SMOLVLM_MCP_HEAD_TIMEOUT": "2",
    "SMOLVLM_MCP_BODY_TIMEOUT": "3",
    "SMOLVLM_MCP_IDLE_TIMEOUT": "1",
}
HALF = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
HEAD = HALF + "".join(f"{name}: {value}\r\n" for name, value in ACCEPT.items()).encode()


def connect(url: str) -> socket.socket:
    address = httpx2.URL(url)
    return socket.create_connection((address.host, address.port or 80), PATIENCE)


def answer_to(url: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the server closes the connection."""
    with connect(url) as connection:
        with contextlib.suppress(ConnectionError):  # closed while we were sending
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """What still comes before the server closes; fails if it does not."""
    connection.settimeout(SOON)
    came = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            came += part
    return came


def left_open(connections: list[socket.socket], seconds: float = SOON) -> int:
    """How many the server has not closed after so long."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.2):
                ended: Any = key.fileobj
                with contextlib.suppress(ConnectionError):
                    if ended.recv(65536):
                        continue
                selector.unregister(ended)
        return len(selector.get_map())


def server_of(url: str) -> psutil.Process:
    port = httpx2.URL(url).port
    return next(
        child
        for child in psutil.Process().children()
        if any(c.laddr.port == port for c in child.net_connections() if c.status == "LISTEN")
    )
