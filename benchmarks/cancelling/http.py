"""Calls of an MCP server on HTTP, in this process: connections that break, cancels, ended sessions.

The connections are plain sockets, as those of clients that vanish.
"""

from __future__ import annotations

import json
import socket
import threading
from functools import partial
from typing import Any

import anyio
import httpx2
from smolvlm_mcp.http import PATH, listen, make_uvicorn
from smolvlm_mcp.settings import read_settings

from benchmarks.cancelling.asking import TOOL, Asked, Surface
from benchmarks.cancelling.calls import (
    HELLO,
    NEW,
    OLD,
    READY,
    cancelled,
    server_of,
    short,
    slow,
    text_of,
)
from smolvlm_tools.tools import Toolbox

_ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
_SECONDS = 60


class HttpSurface(Surface):
    """A server on loopback, and clients of both eras."""

    def __init__(self, toolbox: Toolbox) -> None:
        listener = listen(("127.0.0.1", 0))
        self._address: tuple[str, int] = listener.getsockname()[:2]
        self._url = f"http://127.0.0.1:{self._address[1]}{PATH}"
        settings = read_settings(http="127.0.0.1:0")
        self._server = make_uvicorn(server_of(toolbox), settings, listener)
        self._thread = threading.Thread(target=anyio.run, args=(self._serve, listener))
        self._thread.start()
        self._session: dict[str, str] = {}
        self.ways = {
            "disconnect, 2025": partial(self._by_leaving, OLD),
            "disconnect, 2026": partial(self._by_leaving, NEW),
            "cancelled, 2025": self._by_message,
            "session's end, 2025": self._by_ending,
        }

    def good(self, image: str) -> str:
        answered = self._post(short(image), self._headers(OLD))
        lines = [line for line in answered.text.splitlines() if line.startswith("data: {")]
        return text_of(json.loads(lines[-1][len("data: ") :]))

    def close(self) -> None:
        if self._session:
            self._say("DELETE", None, self._session)
        self._server.should_exit = True
        self._thread.join()

    async def _serve(self, listener: socket.socket) -> None:
        await self._server.serve(sockets=[listener])

    def _by_leaving(self, era: str, image: str) -> Asked:
        return Asked(self._open(slow(image, era), era).close)

    def _by_message(self, image: str) -> Asked:
        message = slow(image)
        connection = self._open(message, OLD)
        headers = self._headers(OLD)

        def give_up() -> None:
            self._say("POST", cancelled(message), headers)
            connection.close()

        return Asked(give_up)

    def _by_ending(self, image: str) -> Asked:
        connection = self._open(slow(image), OLD)
        session, self._session = self._session, {}

        def give_up() -> None:
            self._say("DELETE", None, session)
            connection.close()

        return Asked(give_up)

    def _open(self, message: dict[str, Any], era: str) -> socket.socket:
        """Send a call on a connection of its own."""
        connection = socket.create_connection(self._address, _SECONDS)
        connection.sendall(_request("POST", message, self._headers(era)))
        return connection

    def _say(self, method: str, message: dict[str, Any] | None, headers: dict[str, str]) -> None:
        """Send something and wait until the server has taken it in."""
        with socket.create_connection(self._address, _SECONDS) as connection:
            connection.sendall(_request(method, message, headers))
            if not connection.recv(65536).startswith(b"HTTP/1.1 2"):
                raise RuntimeError(f"{method} was refused")

    def _headers(self, era: str) -> dict[str, str]:
        if era == NEW:
            own = {"MCP-Protocol-Version": NEW, "Mcp-Method": "tools/call", "Mcp-Name": TOOL}
            return {**_ACCEPT, **own}
        if not self._session:
            hello = self._post(HELLO, _ACCEPT)
            own = {
                "Mcp-Session-Id": hello.headers["mcp-session-id"],
                "MCP-Protocol-Version": OLD,
            }
            self._session = {**_ACCEPT, **own}
            self._post(READY, self._session)
        return self._session

    def _post(self, message: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
        answered = httpx2.post(self._url, json=message, headers=headers, timeout=_SECONDS)
        answered.raise_for_status()
        return answered


def _request(method: str, message: dict[str, Any] | None, headers: dict[str, str]) -> bytes:
    """What is sent over a plain socket."""
    body = b"" if message is None else json.dumps(message).encode()
    named = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
