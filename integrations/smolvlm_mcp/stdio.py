"""Serving one client over stdin and stdout.

The client reads stdout as protocol, so nothing else may get there: nothing that a library prints,
in Python or in C, before, while or after the server runs, and nothing that waits in a buffer and is
flushed at exit. So the first step moves the wire to descriptors of its own; the old ones mean the
null device and stderr until the process ends. (The SDK's `stdio_server` would do so only while it
serves.)
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio


class ClientPipe(io.FileIO):
    """A pipe to a client that may go away: what is written after that is dropped."""

    on_broken: Callable[[], None] | None = None
    """Called on the writing thread when nobody reads any more."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            if self.on_broken:
                self.on_broken()
            return len(data)


@dataclass(frozen=True, slots=True)
class Wire:
    """Where the client writes and reads."""

    incoming: int  # a descriptor
    pipe: ClientPipe
    outgoing: io.TextIOWrapper  # over the pipe

    @classmethod
    def between(cls, incoming: int, outgoing: int) -> Wire:
        """A wire over two descriptors, of which it owns the second."""
        pipe = ClientPipe(outgoing, "wb")
        text = io.TextIOWrapper(io.BufferedWriter(pipe), "utf-8", newline="\n")
        return cls(incoming, pipe, text)


def take_wire() -> Wire:
    """Take stdin and stdout for the protocol; all other output goes to stderr from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    incoming = _move(0, null)
    try:
        outgoing = _move(1, os.dup(2))
    except OSError:  # started without stderr
        outgoing = _move(1, null)
    sys.stdout.flush()  # what was printed until now: descriptor 1 is no longer the wire
    sys.stdout = sys.stderr
    return Wire.between(incoming, outgoing)


def _move(standard: int, substitute: int) -> int:
    """Copy a standard descriptor to a private one and put `substitute` in its place."""
    private = os.dup(standard)
    os.set_inheritable(private, False)
    os.dup2(substitute, standard)
    return private


async def serve_until_ctrl_c(server: Any, wire: Wire) -> bool:
    """Run `serve_stdio` on the main thread until it ends or Ctrl-C; returns whether it was Ctrl-C.

    A KeyboardInterrupt would strike in the middle of whatever task happens to run.
    """
    interrupted = False

    async def watch() -> None:
        nonlocal interrupted
        with anyio.open_signal_receiver(signal.SIGINT) as signals:
            await anext(signals)
            interrupted = True
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":  # its loops do not handle signals
            tasks.start_soon(watch)
        await serve_stdio(server, wire)
        tasks.cancel_scope.cancel()
    return interrupted


async def serve_stdio(server: Any, wire: Wire) -> None:
    """Serve until the client closes its end, which cancels running calls."""
    from mcp.server.stdio import stdio_server
    from mcp.shared.message import SessionMessage

    from .lines import Lines

    if os.isatty(wire.incoming):
        hint = "serving MCP on stdin and stdout, for a client that starts this; see also --http"
        print(hint, file=sys.stderr, flush=True)
    lines = Lines(wire.incoming)
    wire.pipe.on_broken = lines.end
    file: Any = lines  # the SDK only iterates over its lines
    async with stdio_server(file, anyio.wrap_file(wire.outgoing)) as (incoming, outgoing):

        async def answer(fault: Any) -> None:
            await outgoing.send(SessionMessage(fault))

        lines.answer_fault = answer  # before the first line is taken: nothing has been awaited
        await server.run(incoming, outgoing, server.create_initialization_options())
