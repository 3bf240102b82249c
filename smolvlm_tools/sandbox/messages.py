"""Messages through a pipe or socket: a header in JSON and any number of byte strings.

A message is, one after the other:

    header's length, number of byte strings   two big-endian unsigned 32-bit integers
    their lengths                             a big-endian unsigned 64-bit integer each
    header                                    JSON in ASCII
    byte strings                              as they are
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

Message: TypeAlias = tuple[dict[str, Any], Sequence[bytes]]

_START = struct.Struct(">II")
_AT_ONCE = 1 << 20
_MOST_PARTS = 100_000


class BrokenMessage(Exception):
    """What came through the pipe is no message."""


def send(pipe: int, message: Message) -> None:
    """Write a message; blocks until the other side has taken it.

    Raises:
        OSError: the other side is gone.
    """
    header, parts = message
    text = json.dumps(header).encode("ascii")
    lengths = struct.pack(f">{len(parts)}Q", *map(len, parts))
    _write(pipe, _START.pack(len(text), len(parts)) + lengths + text)
    for part in parts:
        _write(pipe, part)


def receive(pipe: int, most_bytes: int) -> Message:
    """Read a message of at most so many bytes; blocks until it is there.

    Raises:
        EOFError, OSError: the other side is gone.
        BrokenMessage: it is larger, or no message.
    """
    length, count = _START.unpack(_read(pipe, _START.size))
    if count > _MOST_PARTS:
        raise BrokenMessage(f"a message of {count:,} parts")
    lengths = struct.unpack(f">{count}Q", _read(pipe, 8 * count))
    if length + sum(lengths) > most_bytes:
        raise BrokenMessage(f"a message of {length + sum(lengths):,} bytes")
    try:
        header = json.loads(_read(pipe, length))
    except ValueError as error:
        raise BrokenMessage("a header that is not JSON") from error
    if not isinstance(header, dict):
        raise BrokenMessage("a header that is not an object")
    return header, [_read(pipe, length) for length in lengths]


def _write(pipe: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left[:_AT_ONCE]) :]


def _read(pipe: int, length: int) -> bytes:
    pieces: list[bytes] = []
    while length:
        piece = os.read(pipe, min(length, _AT_ONCE))
        if not piece:
            raise EOFError("the pipe was closed")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
