"""Deflated parts that would inflate to too much, found before PDFium inflates them whole."""

from __future__ import annotations

import re
import zlib

from ...errors import ImageTooLarge
from ...images import EncodedImage, ImagePolicy

_STREAM = re.compile(rb"stream\r?\n")  # a look-behind here would take five times as long
_FIRST_PIECE, _DEFLATED_AT_ONCE, _INFLATED_AT_ONCE = 256, 1 << 16, 1 << 20
_READINGS = 4
"""In a sound file parts stand side by side, so that each byte is inflated once."""


def check_inflated(encoded: EncodedImage, policy: ImagePolicy) -> None:
    """Refuse a document with a deflated part that is larger than any accepted image.

    Parts that are encrypted or deflated twice are not checked. The work is linear in the size of
    the file, also where every part leads through all that follow it.

    Raises:
        ImageTooLarge: such a part, or parts that overlap more than a few times.
    """
    data, limit = memoryview(encoded.data), policy.max_pixels * 4
    budget = _READINGS * len(data) + (1 << 20)
    for found in _STREAM.finditer(encoded.data):
        start = found.end()
        if encoded.data[max(0, found.start() - 3) : found.start()] == b"end":
            continue
        if not _is_deflated(data[start : start + 2]):
            continue
        read, size = _inflate(data, start, limit)
        budget -= read
        if size > limit:
            raise ImageTooLarge(
                f"{encoded.name} has a part that inflates to more than {limit:,} bytes",
                "Save the document again. Or raise `ImagePolicy.max_pixels`.",
            )
        if budget < 0:
            raise ImageTooLarge(
                f"{encoded.name} has deflated parts that overlap or are damaged: read one by "
                f"one they take more than {_READINGS} times the length of the file",
                "Save the document again.",
            )


def _is_deflated(header: memoryview) -> bool:
    """Whether two bytes open a zlib stream (RFC 1950, section 2.2)."""
    return len(header) == 2 and header[0] & 15 == 8 and (header[0] << 8 | header[1]) % 31 == 0


def _inflate(data: memoryview, start: int, limit: int) -> tuple[int, int]:
    """How many bytes the part at `start` takes, and to how many it inflates, up to the limit.

    For data that is damaged, or something else, what was read until that showed, and 0.
    """
    inflater, size, at, length = zlib.decompressobj(), 0, start, _FIRST_PIECE
    try:
        while at < len(data) and not inflater.eof and size <= limit:
            piece = data[at : at + length]
            at, length = at + len(piece), _DEFLATED_AT_ONCE
            while len(piece) and size <= limit and not inflater.eof:
                size += len(inflater.decompress(piece, _INFLATED_AT_ONCE))
                piece = inflater.unconsumed_tail
    except zlib.error:
        return at - start, 0  # PDFium deals with it
    return at - start - len(inflater.unused_data), size
