"""`smolvlm serve`: the tools by plain HTTP, one request a call.

The clients share the processor with the service, so they are aiohttp's, whose requests cost a fifth
of what httpx's do.
"""

from __future__ import annotations

import json
from contextlib import suppress

import aiohttp
import httpx2

from benchmarks.soaking import prometheus
from benchmarks.soaking.mix import Request
from benchmarks.soaking.outcomes import BROKEN, OK, Outcome
from benchmarks.soaking.over_http import NO_TLS, RENEW
from benchmarks.soaking.surface import PATIENCE, ServerProcess, call_or_leave


class ServeSurface:
    """A server process and its clients."""

    def __init__(self, max_queue: int) -> None:
        flags = ("--port", "0", "--max-queue", str(max_queue))
        self._server = ServerProcess(*flags, module="smolvlm_serve", says="serving embedded on")
        self._url = self._server.address()
        self.pid, self.log = self._server.process.pid, self._server.log
        self._asking = httpx2.Client(timeout=5, verify=NO_TLS, trust_env=False)

    async def client(self, number: int) -> ServeClient:
        """A client with a connection of its own."""
        return ServeClient(self._url)

    def waiting(self) -> int | None:
        """What /metrics says."""
        return prometheus.waiting(self._metrics())

    async def stages(self) -> dict[str, list[float]]:
        """Of the histograms at /metrics."""
        return prometheus.stages(self._metrics())

    async def close(self) -> None:
        """End the server."""
        self._asking.close()
        self._server.end()

    def _metrics(self) -> str:
        with suppress(httpx2.HTTPError):
            return self._asking.get(f"{self._url}/metrics").text
        return ""


class ServeClient:
    """One connection, kept open between requests; leaving means to break it."""

    def __init__(self, url: str) -> None:
        self._url, self._calls = url, 0
        self._http = self._connect()

    async def call(self, request: Request) -> Outcome:
        """See `Client`."""
        self._calls += 1
        if self._calls % RENEW == 0:
            await self._http.close()
            self._http = self._connect()
        try:
            return await call_or_leave(self._ask(request), request, None)
        except aiohttp.ClientError as error:
            return Outcome(BROKEN, detail=f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """See `Client`."""
        await self._http.close()

    def _connect(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE))

    async def _ask(self, request: Request) -> Outcome:
        url = f"{self._url}/v1/tools/{request.tool}"
        async with self._http.post(url, json=request.arguments) as answer:
            text = await answer.text()
        try:
            body = json.loads(text)
        except ValueError:
            return Outcome(f"http {answer.status}", detail=text[:300])
        if answer.status == 200:
            return Outcome(OK, model_seconds=(body.get("usage") or {}).get("seconds"))
        error = body["error"]
        after = answer.headers.get("retry-after")
        return Outcome(error["code"], None, after and float(after), error["message"][:300])
