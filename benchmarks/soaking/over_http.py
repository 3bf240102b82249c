"""The MCP server over HTTP: half of the clients speak each era of the protocol."""

from __future__ import annotations

import itertools
import json
import ssl
from contextlib import suppress
from typing import Any

import httpx2

from benchmarks.soaking import prometheus
from benchmarks.soaking.mix import Request
from benchmarks.soaking.outcomes import BROKEN, Outcome, of_message
from benchmarks.soaking.surface import PATIENCE, ServerProcess, call_or_leave

LEGACY, MODERN = "2025-11-25", "2026-07-28"
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
ABOUT = {"name": "soak", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": ABOUT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": ABOUT}
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used; without it, every client would read all certificates of the system."""
RENEW = 40
"""Calls after which a client takes a new connection, and a new session; every other session is
not ended but left lying, as by a client that was switched off."""


class HttpSurface:
    """A server process and its clients."""

    def __init__(self, max_queue: int) -> None:
        self._server = ServerProcess("--http", "127.0.0.1:0", "--max-queue", str(max_queue))
        self._url = self._server.address()
        self.pid, self.log = self._server.process.pid, self._server.log

    async def client(self, number: int) -> HttpClient:
        """A client; those of even numbers speak the older protocol, in sessions."""
        return HttpClient(self._url, LEGACY if number % 2 == 0 else MODERN)

    def waiting(self) -> int | None:
        """What /metrics says, where it is served."""
        return prometheus.waiting(self._metrics())

    async def stages(self) -> dict[str, list[float]]:
        """Of the histograms at /metrics, where they are served."""
        return prometheus.stages(self._metrics())

    async def close(self) -> None:
        """End the server."""
        self._server.end()

    def _metrics(self) -> str:
        with suppress(httpx2.HTTPError):
            found = httpx2.get(self._url.removesuffix("/mcp") + "/metrics", timeout=5)
            return found.text if found.status_code == 200 else ""
        return ""


class HttpClient:
    """One connection, kept open between requests, and what goes over it."""

    def __init__(self, url: str, era: str) -> None:
        self._url, self._era = url, era
        self._ids = itertools.count(1)
        self._session: str | None = None
        self._calls = 0
        self._http = self._connect()

    async def call(self, request: Request) -> Outcome:
        """See `Client`."""
        if self._calls % RENEW == RENEW - 1:
            await self._renew(leave_lying=self._calls % (2 * RENEW) == RENEW - 1)
        self._calls += 1
        try:
            if self._era == LEGACY and self._session is None:
                await self._begin()
            number = next(self._ids)
            params: dict[str, Any] = {"name": request.tool, "arguments": request.arguments}
            cancel = None
            if self._era == LEGACY:

                async def cancel() -> None:
                    await self._send("notifications/cancelled", {"requestId": number})

            asked = self._ask(number, params)
            return await call_or_leave(asked, request, cancel)
        except httpx2.HTTPError as error:
            return Outcome(BROKEN, detail=f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """See `Client`."""
        await self._renew(leave_lying=False)
        await self._http.aclose()

    def _connect(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(timeout=PATIENCE, verify=NO_TLS, trust_env=False)

    async def _begin(self) -> None:
        answer = await self._send("initialize", HELLO, next(self._ids))
        self._session = answer.headers["mcp-session-id"]
        await self._send("notifications/initialized", {})

    async def _renew(self, *, leave_lying: bool) -> None:
        if self._session is not None and not leave_lying:
            with suppress(httpx2.HTTPError):
                await self._http.delete(self._url, headers=self._headers())
        self._session = None
        await self._http.aclose()
        self._http = self._connect()

    def _headers(self, method: str = "", name: str = "") -> dict[str, str]:
        headers = {**HEADERS, "MCP-Protocol-Version": self._era}
        if self._era == MODERN:
            return headers | {"Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
        return headers | ({"Mcp-Session-Id": self._session} if self._session else {})

    async def _ask(self, number: int, params: dict[str, Any]) -> Outcome:
        params = params if self._era == LEGACY else {**params, "_meta": META}
        answer = await self._send("tools/call", params, number)
        with suppress(ValueError, KeyError):
            return of_message(_message(answer))
        return Outcome(f"http {answer.status_code}", detail=answer.text[:300])

    async def _send(
        self, method: str, params: dict[str, Any], number: int | None = None
    ) -> httpx2.Response:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        message |= {} if number is None else {"id": number}
        headers = self._headers(method, params.get("name", ""))
        return await self._http.post(self._url, json=message, headers=headers)


def _message(answer: httpx2.Response) -> dict[str, Any]:
    """The JSON-RPC message of a body, which may be a stream of events.

    Raises:
        ValueError: there is none.
    """
    if "event-stream" not in answer.headers.get("content-type", ""):
        return json.loads(answer.text)
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    return json.loads(events[-1] if events else "")
