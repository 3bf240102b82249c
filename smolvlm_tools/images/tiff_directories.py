"""The directories of a TIFF file or an EXIF block, walked before Pillow makes objects of them.

Layout: TIFF 6.0, section 2; BigTIFF, https://libtiff.gitlab.io/libtiff/specification/bigtiff.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import CorruptImage, ImageTooLarge
from .policy import ImagePolicy

_MOST_ENTRIES = 1_000
"""Of a directory. Cameras and scanners write 20 to 150."""

_MOST_ENTRIES_IN_ALL = 50_000
"""Of all directories of a file: a book of 1,000 pages has 20,000."""

_MOST_PIECES = 1 << 16
"""Strips or tiles of a page: one for every row of the tallest scan."""

_MOST_VALUES, _MOST_FRACTIONS = 200_000, 1_000
"""Of an entry. A palette of 16 bits has 196,608 numbers; each fraction is an object of 1 kB."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value by its type; Pillow leaves out all others."""

_AS_BYTES, _FRACTIONS = (1, 2, 7), (5, 10)
"""Types that Pillow takes as one piece, and those whose values become objects."""

_WIDTH, _HEIGHT, _SAMPLES, _PLANES = 256, 257, 277, 284
_STRIPS, _ROWS, _TILES, _TILE_WIDTH, _TILE_HEIGHT = 273, 278, 324, 322, 323
_POINTERS = (0x8769, 0x8825, 0xA005)
"""To directories within a directory: EXIF, GPS, interoperability."""

_LIGHTER = "Save the image again without metadata, and in larger strips or tiles."


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    value: bytes
    order: str

    def number(self) -> int | None:
        """The one number that the entry holds itself."""
        form = {3: "H", 4: "I", 13: "I", 16: "Q"}.get(self.type)
        if form is None or self.count != 1 or struct.calcsize(form) > len(self.value):
            return None
        return struct.unpack_from(self.order + form, self.value)[0]

    def is_flood(self, data: bytes) -> bool:
        """Whether Pillow would make very many objects of its values."""
        most = _MOST_FRACTIONS if self.type in _FRACTIONS else _MOST_VALUES
        there = self.count * _SIZES.get(self.type, 0) <= len(data)
        return self.type in _SIZES and self.type not in _AS_BYTES and there and self.count > most


@dataclass(frozen=True, slots=True)
class _Directory:
    """One directory.

    Attributes:
        size: how many entries it has, of those that it claims.
        entries: by tag, unless there are too many.
        next: where the next one is; 0 for the last.
    """

    size: int
    entries: dict[int, _Entry]
    next: int

    def number(self, tag: int, otherwise: int) -> int:
        entry = self.entries.get(tag)
        found = entry.number() if entry is not None else None
        return otherwise if found is None else found

    def count(self, tag: int) -> int:
        entry = self.entries.get(tag)
        return entry.count if entry is not None else 0

    def is_flood(self, data: bytes) -> bool:
        return self.size > _MOST_ENTRIES or any(
            entry.is_flood(data) for entry in self.entries.values()
        )


class _Reader:
    """Reads the directories of one file or block; raises `struct.error` outside it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = struct.unpack_from(self._order + "H", data, 2)[0] == 43
        self._count, self._entry, self._link = ("Q", "HHQ8s", "Q") if self._big else _CLASSIC

    def first(self) -> int:
        return self._unpack(self._link, 8 if self._big else 4)

    def directory(self, offset: int) -> _Directory:
        claimed = self._unpack(self._count, offset)
        begin = offset + struct.calcsize(self._count)
        size = struct.calcsize(self._order + self._entry)
        there = min(claimed, (len(self.data) - begin) // size)
        entries: dict[int, _Entry] = {}
        if there <= _MOST_ENTRIES:
            field = self.data[begin : begin + there * size]
            for tag, kind, count, value in struct.iter_unpack(self._order + self._entry, field):
                entries[tag] = _Entry(kind, count, value, self._order)
        try:
            link = self._unpack(self._link, begin + claimed * size)
        except (struct.error, OverflowError):  # the chain points outside the file
            link = 0
        return _Directory(there, entries, link)

    def chain(self, most: int) -> Iterator[_Directory]:
        """The directories of the pages; a loop ends the chain."""
        offset, seen = self.first(), set[int]()
        while offset and offset not in seen and len(seen) <= most:
            seen.add(offset)
            try:
                directory = self.directory(offset)
            except (struct.error, OverflowError):
                return
            yield directory
            offset = directory.next

    def _unpack(self, form: str, offset: int) -> int:
        return struct.unpack_from(self._order + form, self.data, offset)[0]


_CLASSIC = ("H", "HHI4s", "I")


def count_tiff_pages(data: bytes, limit: int) -> int:
    """Follow the chain of image file directories."""
    return max(1, sum(1 for _ in _Reader(data).chain(limit)))


def check_tiff(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a TIFF file of very many entries, values, strips or tiles, or with too few of those.

    Raises:
        ImageTooLarge: Pillow would take long to read its directories.
        CorruptImage: strips or tiles are missing, which would come out black.
    """
    try:
        reader = _Reader(data)
        pages = reader.chain(policy.max_frames)
        entries = 0
        for number, page in enumerate(pages, 1):
            entries += page.size
            if entries > _MOST_ENTRIES_IN_ALL or _is_flood(reader, page):
                raise ImageTooLarge(f"{name} has too much metadata in directory {number}", _LIGHTER)
            _check_pieces(page, f"{name}, page {number}")
    except (struct.error, OverflowError):
        return  # Pillow says what is wrong


def is_flood(exif: bytes) -> bool:
    """Whether the EXIF block of another format has very many entries or values."""
    try:
        reader = _Reader(exif.removeprefix(b"Exif\0\0"))
        return _is_flood(reader, reader.directory(reader.first()))
    except (struct.error, OverflowError):
        return False


def _is_flood(reader: _Reader, directory: _Directory, deepest: int = 2) -> bool:
    if directory.is_flood(reader.data):
        return True
    for tag in _POINTERS if deepest else ():
        offset = directory.number(tag, 0)
        try:
            inner = reader.directory(offset) if offset else None
        except (struct.error, OverflowError):
            continue
        if inner is not None and _is_flood(reader, inner, deepest - 1):
            return True
    return False


def _check_pieces(page: _Directory, name: str) -> None:
    """Compare how many strips or tiles there are with how many the size needs."""
    width, height = page.number(_WIDTH, 0), page.number(_HEIGHT, 0)
    if _STRIPS in page.entries:
        there, wide, high = page.count(_STRIPS), width, page.number(_ROWS, height)
    else:
        there = page.count(_TILES)
        wide, high = page.number(_TILE_WIDTH, 0), page.number(_TILE_HEIGHT, 0)
    if there > _MOST_PIECES:
        raise ImageTooLarge(f"{name}, has {there:,} strips or tiles", _LIGHTER)
    if min(width, height, wide, high, there) < 1:
        return  # Pillow says what is wrong
    planes = page.number(_SAMPLES, 1) if page.number(_PLANES, 1) == 2 else 1
    needed = -(-width // wide) * -(-height // high) * planes
    if there < needed:
        raise CorruptImage(
            f"{name}, has {there:,} of the {needed:,} strips or tiles that its size needs",
            "Save the image again, or send another one.",
        )
