"""What is checked of a JSON-RPC message before it is parsed, and the error that answers a bad one.

Parsers build an object for every value: 28 MB of `[[],[],…` become a gigabyte, and levels cost
stack. So the bytes are looked through first, without building anything. The SDK answers nothing on
stdio, and a bare text on HTTP, where it cannot parse a message; a client then waits for ever.
"""

from __future__ import annotations

import json
import re
from typing import Any

import mcp_types as types
import numpy as np
from pydantic import ValidationError

MAX_BODY = 28_000_000
"""Bytes of a message: an image of 20 MB in base64 (26.7 MB) and what stands around it."""
MAX_DEPTH = 100
"""Levels of arrays and objects in a message, the message itself included."""
MAX_VALUES = 100_000
"""Values in a message, names of members included."""

_BLOCK = 1 << 18
_ALL_BUT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},:'))
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1

_SIMPLE = rb'(?:"[^"\\]{0,200}"|-?[0-9]{1,20})'
_ID = rb'"id"\s*:\s*(-?[0-9]{1,15}|"[^"\\\x00-\x1f]{1,200}")\s*'
_ID_NEAR_START = re.compile(
    rb'\s*\{(?:\s*"[^"\\]{1,40}"\s*:\s*' + _SIMPLE + rb"\s*,){0,4}\s*" + _ID + rb"[,}]"
)
_ID_AT_END = re.compile(rb",\s*" + _ID + rb"\}\s*\Z")
_NEAR = 2_000
"""Bytes at either end of a message in which its id is looked for if it is not parsed."""
_SHORT = 100_000
"""Bytes of a message that may be parsed once more to find its id."""


class JsonScan:
    """Looks through the bytes of one JSON text as they come; knows strings, checks nothing else.

    Whatever prefix of the text a parser accepts has at most the levels and values counted here.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._values = 1
        self._quotes = 0
        self._in_string = False
        self._carry = b""

    def feed(self, data: bytes) -> str | None:
        """Look at more bytes; returns what is wrong, or None."""
        if b"\0" in data:  # a text in UTF-16, where other bytes mean other things
            return "a NUL byte"
        for start in range(0, len(data), _BLOCK):
            reason = self._look(data[start : start + _BLOCK])
            if reason is not None:
                return reason
        return None

    def _look(self, data: bytes) -> str | None:
        data = self._carry + data
        self._carry = b""
        if (len(data) - len(data.rstrip(b"\\"))) % 2:  # what it escapes is still to come
            data, self._carry = data[:-1], b"\\"
        if b"\\" in data:  # pairs first: in \\" the quote ends the string
            data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = data.translate(None, _ALL_BUT_STRUCTURE).split(b'"')
        outside = b"".join(parts[1 if self._in_string else 0 :: 2])
        self._in_string ^= len(parts) % 2 == 0
        self._quotes += len(parts) - 1
        self._values += len(outside) - outside.count(b"]") - outside.count(b"}")
        if self._values > MAX_VALUES or self._quotes > 2 * MAX_VALUES:
            return f"more than {MAX_VALUES:,} values"
        if outside:
            levels = np.cumsum(_STEPS[np.frombuffer(outside, np.uint8)], dtype=np.int64)
            if self._depth + int(levels.max()) > MAX_DEPTH:
                return f"more than {MAX_DEPTH} levels of arrays and objects"
            self._depth += int(levels[-1])
        return None


def told_id(start: bytes, end: bytes) -> types.RequestId | None:
    """The id of a message that is not parsed, from its first and last bytes, where it is plain."""
    found = _ID_NEAR_START.match(start[:_NEAR]) or _ID_AT_END.search(end[-_NEAR:])
    try:
        return None if found is None else json.loads(found[1])
    except ValueError:  # not UTF-8
        return None


def refusal(reason: str, code: int, told: types.RequestId | None = None) -> types.JSONRPCError:
    """The answer to a message that is not served."""
    error = types.ErrorData(code=code, message=reason)
    return types.JSONRPCError(jsonrpc="2.0", id=told, error=error)


def find_fault(line: bytes) -> types.JSONRPCError | None:
    """The answer to a line that the SDK would pass over in silence, or None for a message."""
    reason = JsonScan().feed(line)
    if reason is not None:
        told = told_id(line, line)
        return refusal(f"Invalid request: {reason}", types.INVALID_REQUEST, told)
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        broken = error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
        return _explain(line, broken)
    if isinstance(message, types.JSONRPCNotification) and b'"id"' in line and _has_id(line):
        return refusal("Invalid request: id is no string or integer", types.INVALID_REQUEST)
    return None


def _explain(line: bytes, broken: bool) -> types.JSONRPCError:
    """Why bytes are no message: broken JSON, or JSON that is no message or cannot be text."""
    told = told_id(line, line)
    try:
        if len(line) <= _SHORT:  # the SDK's parser also calls lone surrogates broken
            told, broken = _id_of(json.loads(line.decode())), False
    except (ValueError, RecursionError):
        broken = True
    if broken:
        return refusal("Parse error: not JSON in UTF-8", types.PARSE_ERROR, told)
    return refusal("Invalid request: not a JSON-RPC message", types.INVALID_REQUEST, told)


def _has_id(line: bytes) -> bool:
    """Whether what was read as a notification has an id; long ones are not read twice."""
    return len(line) <= _SHORT and "id" in json.loads(line)


def _id_of(value: Any) -> types.RequestId | None:
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, (int, str)):
        return None
    if isinstance(found, str) and (len(found) > 200 or not found.isprintable()):
        return None
    return found
