"""The MCP server over stdio: all clients share its one pipe, as an agent's parallel calls do."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from typing import Any

from benchmarks.soaking.mix import Request
from benchmarks.soaking.outcomes import BROKEN, Outcome, of_message
from benchmarks.soaking.surface import ServerProcess, call_or_leave

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "soak", "version": "1"},
}


class StdioSurface:
    """A server process, and the messages that are under way."""

    def __init__(self, max_queue: int) -> None:
        self._server = ServerProcess("--max-queue", str(max_queue), pipes=True)
        self.pid, self.log = self._server.process.pid, self._server.log
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loop = asyncio.get_running_loop()
        self._greeted: asyncio.Task[Any] | None = None
        threading.Thread(target=self._read, name="soak-stdout", daemon=True).start()

    async def client(self, number: int) -> StdioClient:
        """One that calls over the common pipe."""
        if self._greeted is None:
            self._greeted = asyncio.ensure_future(self._greet())
        await self._greeted
        return StdioClient(self)

    def waiting(self) -> int | None:
        """Stdio doesn't tell."""
        return None

    async def stages(self) -> dict[str, list[float]]:
        """Stdio doesn't tell."""
        return {}

    async def close(self) -> None:
        """End the server."""
        self._server.end()

    def number(self) -> int:
        """An id that no message had."""
        return next(self._ids)

    async def ask(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        answer = self._answers[number] = self._loop.create_future()
        try:
            await self.tell(method, params, id=number)
            return await answer
        finally:
            del self._answers[number]

    async def tell(self, method: str, params: dict[str, Any], **more: Any) -> None:
        """Send a message; a line is written at once, the pipe's room is the server's to make."""
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        line = json.dumps(message).encode() + b"\n"
        await asyncio.to_thread(self._write, line)

    async def _greet(self) -> None:
        await self.ask(self.number(), "initialize", HELLO)
        await self.tell("notifications/initialized", {})

    def _write(self, line: bytes) -> None:
        pipe = self._server.process.stdin
        assert pipe is not None
        pipe.write(line)
        pipe.flush()

    def _read(self) -> None:
        assert self._server.process.stdout is not None
        for line in self._server.process.stdout:
            self._loop.call_soon_threadsafe(self._settle, json.loads(line))

    def _settle(self, message: dict[str, Any]) -> None:
        answer = self._answers.get(message.get("id", 0))
        if answer is not None and not answer.done():
            answer.set_result(message)


class StdioClient:
    """One of those that share the pipe; leaving means to cancel."""

    def __init__(self, surface: StdioSurface) -> None:
        self._surface = surface

    async def call(self, request: Request) -> Outcome:
        """See `Client`."""
        number = self._surface.number()

        async def ask() -> Outcome:
            params = {"name": request.tool, "arguments": request.arguments}
            return of_message(await self._surface.ask(number, "tools/call", params))

        async def cancel() -> None:
            await self._surface.tell("notifications/cancelled", {"requestId": number})

        try:
            outcome = await call_or_leave(ask(), request, cancel)
            if outcome.word == "left" and request.leaving == "disconnect":
                await cancel()
            return outcome
        except OSError as error:
            return Outcome(BROKEN, detail=str(error))

    async def close(self) -> None:
        """Nothing to do: the pipe stays."""
