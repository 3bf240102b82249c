"""Lines of JSON on stderr, one for each request and each call, for machines to read.

    {"time": "2026-11-27T12:00:00.000Z", "event": "request", "method": "POST", "path": "/mcp", …}
    {"time": "…", "event": "call", "tool": "describe_image", "outcome": "ok", "seconds": 0.6, …}
    {"time": "…", "event": "log", "level": "warning", "logger": "…", "message": "…"}

They hold no image, text, token, query or folder: of a request only a path that this server has, of
a call only what a `CallRecord` has, of a message what is left without paths and queries.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .observing import CallRecord

_PATHS = ("/mcp", "/healthz", "/metrics")
_METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")
_FOLDERS = re.compile(r"(?<![\w:/])(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\"?,:;()]+)+(?=[/\\])")
_QUERY = re.compile(r"\?[^\s'\"]+")
_LONGEST = 500


def write_line(event: str, **fields: Any) -> None:
    """Write one line; in one piece, so that lines of several threads do not mix."""
    line = json.dumps({"time": _shown(time.time()), "event": event, **fields})
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def log_call(record: CallRecord) -> None:
    """Write the line of a call."""
    write_line(
        "call",
        tool=record.tool,
        outcome=record.outcome,
        seconds=round(record.seconds, 4),
        stages={stage: round(seconds, 4) for stage, seconds in record.stages.items()},
        tiles=record.tiles,
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
    )


class AccessLog:
    """An ASGI app that writes a line for each request of the one behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status: int | None = None
        came = went = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            return message

        async def noting(message: Message) -> None:
            nonlocal status, went
            if message["type"] == "http.response.start":
                status = message["status"]
            went += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counted, noting)
        finally:
            client = scope.get("client")
            write_line(
                "request",
                client=client[0] if client else None,
                method=scope["method"] if scope["method"] in _METHODS else "other",
                path=scope["path"] if scope["path"] in _PATHS else "other",
                status=status,  # null: the client left before there was an answer
                bytes_in=came,
                bytes_out=went,
                seconds=round(time.perf_counter() - began, 4),
            )


class JsonFormatter(logging.Formatter):
    """What libraries log, as lines of the same kind."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _shown(record.created),
            "event": "log",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_places(record.getMessage()),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)
            fields["error"] = type(error).__name__
            fields["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames][-10:]
        return json.dumps(fields)


def _shown(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def without_places(text: str) -> str:
    """A text without folders of this machine and without queries of addresses, and not long."""
    return _QUERY.sub("?…", _FOLDERS.sub("…", text))[:_LONGEST]
