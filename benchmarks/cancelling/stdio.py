"""Calls of an MCP server on pipes, in this process: told to cancel, or left by their client."""

from __future__ import annotations

import json
import os
import queue
import threading
from functools import partial
from typing import Any

import anyio
from smolvlm_mcp.stdio import Wire, serve_stdio

from benchmarks.cancelling.asking import Asked, Surface
from benchmarks.cancelling.calls import HELLO, READY, cancelled, server_of, short, slow, text_of
from smolvlm_tools.machine.closing import Closing
from smolvlm_tools.tools import Toolbox

_SECONDS = 60


class Connection(Closing):
    """A server on a thread, and its client's end of the pipes."""

    def __init__(self, toolbox: Toolbox) -> None:
        (self._reads, to_server), (from_server, writes) = os.pipe(), os.pipe()
        self._out = open(to_server, "w", encoding="utf-8", buffering=1)
        self._in = open(from_server, encoding="utf-8")
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        wire = Wire.between(self._reads, writes)
        self._server = threading.Thread(target=self._serve, args=(server_of(toolbox), wire))
        self._listener = threading.Thread(target=self._listen)
        self._server.start()
        self._listener.start()
        self.send(HELLO)
        self.answer(HELLO)
        self.send(READY)

    def send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message) + "\n")

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Wait for the answer to a message."""
        while True:
            told = self._answers.get(timeout=_SECONDS)
            if told.get("id") == message["id"]:
                return told

    def leave(self) -> None:
        """Close the client's end of the server's stdin."""
        self._out.close()

    def is_over(self) -> bool:
        """Whether the server has ended."""
        return not self._server.is_alive()

    def close(self) -> None:
        self.leave()
        self._server.join()
        self._listener.join()
        self._in.close()
        os.close(self._reads)

    def _serve(self, server: Any, wire: Wire) -> None:
        anyio.run(serve_stdio, server, wire)
        wire.outgoing.close()

    def _listen(self) -> None:
        for line in self._in:
            self._answers.put(json.loads(line))


class StdioSurface(Surface):
    """`notifications/cancelled`, and clients that close the server's stdin."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._connection = Connection(toolbox)
        self._left = [self._connection]
        self.ways = {"cancelled": self._by_message, "client's end": self._by_leaving}

    def good(self, image: str) -> str:
        message = short(image)
        self._now().send(message)
        return text_of(self._connection.answer(message))

    def close(self) -> None:
        for connection in self._left:
            connection.close()

    def _now(self) -> Connection:
        """The connection; another one if its client has left."""
        if self._connection.is_over():
            self._connection.close()
            self._left.remove(self._connection)
            self._connection = Connection(self._toolbox)
            self._left.append(self._connection)
        return self._connection

    def _by_message(self, image: str) -> Asked:
        message, connection = slow(image), self._now()
        connection.send(message)
        return Asked(partial(connection.send, cancelled(message)))

    def _by_leaving(self, image: str) -> Asked:
        connection = self._now()
        connection.send(slow(image))
        return Asked(connection.leave, connection.is_over)
