"""What runs in the child: opens documents and reads their pages, as the parent asks.

Requests are received by a thread of its own, so that the end of the parent is noticed while PDFium
is busy: the pipe is closed then.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import Any

from ...images import EncodedImage, ImagePolicy
from ..opening import open_pages
from ..page import Pages
from .calls import CALLS
from .coding import encode_error
from .limits import IDLE, WorkerLimits, allow_cpu, confine
from .messages import Message, receive, send


def main() -> None:
    """Serve until the parent closes the pipe. The first request says the limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _take_pipes()
    limits = WorkerLimits(**receive(requests, 1 << 20)[0])
    confine(limits)
    received: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, limits, received), daemon=True).start()
    send(replies, ({"ready": os.getpid()}, []))
    reader = _Reader()
    while True:
        try:
            message = received.get(timeout=limits.idle_seconds)
        except queue.Empty:
            os._exit(IDLE)
        allow_cpu(limits)
        send(replies, reader.answer(message))


class _Reader:
    """The open documents."""

    def __init__(self) -> None:
        self._open: dict[int, Pages] = {}
        self._names: dict[int, str] = {}

    def answer(self, message: Message) -> Message:
        header, parts = message
        try:
            return self._answer(header, *parts)
        except Exception as error:  # becomes the parent's
            return encode_error(error, self._where(header))

    def _answer(self, header: dict[str, Any], data: bytes = b"") -> Message:
        for number in header["drop"]:
            self._names.pop(number, None)
            pages = self._open.pop(number, None)
            if pages is not None:
                pages.close()
        if header["call"] == "open":
            return self._open_document(header, data)
        call = CALLS[header["call"]]
        return call.pack(call.do(self._open[header["document"]], header["number"]))

    def _open_document(self, header: dict[str, Any], data: bytes) -> Message:
        self._names[header["document"]] = header["name"]
        pages = open_pages(
            EncodedImage(data, header["name"], header["mime"]),
            ImagePolicy(**header["policy"]),
            password=header["password"],
            longest_edge=header["longest_edge"],
            max_pages=header["max_pages"],
        )
        self._open[header["document"]] = pages
        return {"pages": len(pages), "has_text": pages.has_text}, []

    def _where(self, header: dict[str, Any]) -> str:
        name = self._names.get(header["document"], "the document")
        return f"page {header['number']} of {name}" if header.get("number") else name


def _listen(requests: int, limits: WorkerLimits, received: queue.SimpleQueue[Message]) -> None:
    try:
        while True:
            received.put(receive(requests, limits.memory_bytes))
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
