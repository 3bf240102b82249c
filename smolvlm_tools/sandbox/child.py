"""What runs in the child: opens what it is handed, and does what the parent asks of it.

Requests are received by a thread of its own, so that the end of the parent is noticed while a
library is busy: the pipe is closed then.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from typing import Any, NamedTuple

from .coding import encode_error
from .confinement import confine
from .limits import IDLE, NICE, WorkerLimits, allow_cpu
from .messages import Message, receive, send
from .segments import AVAILABLE, map_segment
from .services import Opened, load_services


class _Asked(NamedTuple):
    header: dict[str, Any]
    data: bytes
    segment: int | None
    """A descriptor of the memory that results go to; that of large data has been read."""


def main() -> None:
    """Serve until the parent closes the pipe. The first request says the limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _take_pipes()
    wire = socket.socket(fileno=requests) if AVAILABLE else None
    limits = WorkerLimits(**receive(requests, 1 << 20)[0])
    desk = _Desk()  # loads all libraries, while it still may
    if hasattr(os, "nice"):
        os.nice(NICE)
    confine(limits)
    received: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
    listening = (requests, wire, limits, received)
    threading.Thread(target=_listen, args=listening, daemon=True).start()
    send(replies, ({"ready": os.getpid()}, []))
    while True:
        try:
            asked = received.get(timeout=limits.idle_seconds)
        except queue.Empty:
            os._exit(IDLE)
        allow_cpu(limits)
        send(replies, desk.answer(asked))


class _Desk:
    """What is open."""

    def __init__(self) -> None:
        self._services = load_services()
        self._open: dict[int, Opened] = {}
        self._names: dict[int, str] = {}

    def answer(self, asked: _Asked) -> Message:
        try:
            return self._answer(asked)
        except Exception as error:  # becomes the parent's
            return encode_error(error, self._about(asked.header))

    def _answer(self, asked: _Asked) -> Message:
        header = asked.header
        for number in header["drop"]:
            self._names.pop(number, None)
            opened = self._open.pop(number, None)
            if opened is not None:
                opened.close()
        if header["call"] == "open":
            self._names[header["held"]] = header["name"]
            opened = self._services[header["service"]](header, asked.data)
            self._open[header["held"]] = opened
            return opened.facts, []
        memory = None
        if asked.segment is not None:
            memory = memoryview(map_segment(asked.segment, header["segment"]))
        return self._open[header["held"]].answer(header, memory)

    def _about(self, header: dict[str, Any]) -> str:
        name = self._names.get(header["held"], "the input")
        return f"{header['what']} of {name}" if header.get("what") else name


def _listen(
    requests: int,
    wire: socket.socket | None,
    limits: WorkerLimits,
    received: queue.SimpleQueue[_Asked],
) -> None:
    try:
        while True:
            header, parts = receive(requests, limits.memory_bytes)
            data, segment = b"".join(parts), None
            if wire is not None and header.get("segment"):
                segment = socket.recv_fds(wire, 1, 1)[1][0]
            if segment is not None and header["call"] == "open":
                # Copied: the parent will use it again.
                data, segment = map_segment(segment, header["segment"])[:], None
            received.put(_Asked(header, data, segment))
    except EOFError:
        os._exit(0)
    finally:
        os._exit(1)


def _take_pipes() -> tuple[int, int]:
    """Descriptors of their own for both pipes; what libraries print goes to stderr."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform != "win32":
        os.set_blocking(2, False)  # what the parent has no room for is lost
    return requests, replies
