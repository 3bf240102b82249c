"""The segments of a JPEG file, walked before anything decodes them (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL.JpegImagePlugin import MARKER

from ..errors import ImageTooLarge
from .policy import ImagePolicy
from .tiff_directories import is_flood

_MOST_SEGMENTS = 5_000
"""Besides scans. An ICC profile takes 255 at most, other metadata of 20 MB some 300, and the tables
of 500 scans up to 2,000."""

_MOST_PADDING = 1 << 16
"""Bytes between segments before the first scan, which Pillow reads one by one."""

_MOST_RESOURCES = 10_000
"""Photoshop's image resource blocks, which Pillow reads one by one; Photoshop writes some 30."""

_MOST_SCANS = 500
"""As many as the fuzzers of libjpeg-turbo allow (TJPARAM_SCANLIMIT). Encoders write 1 to 20."""

_MOST_SCANNED = 40 * 40_000_000
"""Pixels times scans: every scan passes over all blocks, even one that changes nothing. 40 scans
of the largest image that is accepted by default."""

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI, _SOS, _APP1, _APP13 = 0xD9, 0xDA, 0xE1, 0xED
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_COEFFICIENTS = 64 * 2
"""Bytes of a block of 8x8 in libjpeg's memory."""


@dataclass(frozen=True, slots=True)
class _Segment:
    code: int
    at: int
    """Of its 0xFF."""
    begin: int
    """Of its content."""
    end: int


def check_jpeg(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a JPEG whose header or scans cost far more than its pixels."""
    end, segments, scans, resources, pixels = 2, 0, 0, 0, 0
    exif = bytearray()
    for segment in _segments(data):
        padding = segment.at - end if not scans else 0
        if segment.code == _SOS:
            scans += 1
        else:
            segments += 1
        if segments > _MOST_SEGMENTS or padding > _MOST_PADDING:
            raise _flooded(name, "segments, or padding between them")
        if not scans:
            if segment.code == _APP13:
                resources += data.count(b"8BIM", segment.begin, segment.end)
            if segment.code == _APP1 and data.startswith(b"Exif\0\0", segment.begin):
                exif += data[segment.begin + 6 : segment.end]
            if segment.code in _FRAMES:
                pixels = max(pixels, _area(data, segment))
        end = segment.end
        if scans > min(_MOST_SCANS, max(1, _MOST_SCANNED // max(1, pixels))):
            raise _flooded(name, f"scans, more than {scans - 1:,} for its {pixels:,} pixels")
    if not scans and len(data) - end > _MOST_PADDING:
        raise _flooded(name, "bytes of padding")
    if resources > _MOST_RESOURCES:
        raise _flooded(name, "Photoshop resources")
    if is_flood(bytes(exif)):
        raise _flooded(name, "EXIF entries")


def coefficient_bytes(data: bytes) -> int:
    """What libjpeg keeps besides the pixels: all coefficients, if there are several scans.

    Counted for what begins like a progressive file, or with a scan of only some components.
    """
    parts, is_progressive, blocks = 0, False, 0
    for segment in _segments(data):
        if segment.code in _FRAMES:
            is_progressive = segment.code in _PROGRESSIVE
            parts, blocks = _blocks(data, segment)
        if segment.code == _SOS:
            several = is_progressive or data[segment.begin : segment.begin + 1] != bytes([parts])
            return blocks * _COEFFICIENTS if several else 0
    return 0


def end_of_only_scan(data: bytes) -> int:
    """Where the data of a file's only scan ends; 0 where there are several."""
    scans = [segment for segment in _segments(data) if segment.code == _SOS]
    if len(scans) != 1 or coefficient_bytes(data):
        return 0
    return max(0, data.find(bytes([0xFF, _EOI]), scans[0].end))


def _segments(data: bytes) -> Iterator[_Segment]:
    """All segments up to the end of the image, as Pillow and libjpeg find them."""
    at, scanned = 2, False
    while found := _NEXT_MARKER.search(data, at):
        code, begin = data[found.start() + 1], found.end()
        if code == _EOI and scanned:
            return
        _, _, handler = MARKER.get(0xFF00 | code, ("", "", None))
        end = begin
        if handler is not None or code == _SOS:
            (length,) = struct.unpack(">H", data[begin : begin + 2].rjust(2, b"\0"))
            begin, end = begin + 2, begin + max(2, length)
        scanned = scanned or code == _SOS
        yield _Segment(code, found.start(), begin, end)
        at = end


def _area(data: bytes, frame: _Segment) -> int:
    if frame.begin + 5 > len(data):
        return 0
    height, width = struct.unpack_from(">HH", data, frame.begin + 1)
    return height * width


def _blocks(data: bytes, frame: _Segment) -> tuple[int, int]:
    """How many components a frame has, and how many blocks of 8x8 all of them together."""
    if frame.begin + 6 > len(data):
        return 0, 0
    height, width, count = struct.unpack_from(">HHB", data, frame.begin + 1)
    factors = data[frame.begin + 7 : frame.begin + 6 + 3 * count : 3]
    sides = [(max(1, both >> 4), max(1, both & 15)) for both in factors]
    if not sides:
        return count, 0
    wide, high = max(side[0] for side in sides), max(side[1] for side in sides)
    across, down = -(-width // (8 * wide)), -(-height // (8 * high))
    return count, sum(across * side[0] * down * side[1] for side in sides)


def _flooded(name: str, what: str) -> ImageTooLarge:
    return ImageTooLarge(f"{name} has too many {what}", "Save the image again without metadata.")
