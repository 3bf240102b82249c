"""The fields of protobuf messages, as ONNX files are, read in place.

Format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(Exception):
    """The bytes are not a protobuf message."""


class Field(NamedTuple):
    """One field of a message: its value is data[start:end]; that of a varint, its bytes."""

    number: int
    wire: int
    """`VARINT`, `FIXED64`, `BYTES` or `FIXED32`."""
    start: int
    end: int


def fields(data: mmap.mmap, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message data[start:stop].

    Raises:
        Malformed: it is none.
    """
    while start < stop:
        key, start = varint(data, start, stop)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            end = varint(data, start, stop)[1]
        elif wire == BYTES:
            length, start = varint(data, start, stop)
            end = start + length
        elif wire in (FIXED64, FIXED32):
            end = start + (8 if wire == FIXED64 else 4)
        else:
            raise Malformed(f"wire type {wire} at byte {start}")
        if end > stop:
            raise Malformed(f"a field at byte {start} ends after its message")
        yield Field(number, wire, start, end)
        start = end


def varint(data: mmap.mmap, start: int, stop: int) -> tuple[int, int]:
    """The number at `start`, and where what follows begins.

    Raises:
        Malformed: it does not end before `stop`, or has more than ten bytes.
    """
    begin, value, shift = start, 0, 0
    while start < stop and shift < 70:
        byte = data[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
    raise Malformed(f"a number at byte {begin} does not end")
