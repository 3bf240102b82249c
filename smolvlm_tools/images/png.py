"""PNG files, of which no row may be missing."""

from __future__ import annotations

import zlib
from typing import IO

from PIL.PngImagePlugin import PngImageFile

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type (PNG, third edition, section 11.2.1)."""

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_LAST_PASS = (0, 1, 1, 2)
"""First column and row, and steps of columns and rows (section 8.1, Adam7)."""

_AT_ONCE = 1 << 20


class WholePng(PngImageFile):
    """Raises OSError where Pillow leaves rows black because the compressed data ends early.

    All rows are there if the last one isn't zero, as it was before. Only else, and in frames that
    are decoded over others, is the data inflated once more to be counted.
    """

    @property
    def _file(self) -> IO[bytes]:
        if self.fp is None:
            raise OSError("it is closed")
        return self.fp

    def _open(self) -> None:
        head = self._file.read(29)
        if head[12:16] != b"IHDR":
            raise SyntaxError("its first chunk is not IHDR")
        self._bits = head[24] * _CHANNELS.get(head[25], 0)
        self._interlaced = bool(head[28])
        self._spans: list[tuple[int, int]] = []
        self._extents: tuple[int, int, int, int] | None = None
        self._file.seek(0)
        super()._open()

    def load_prepare(self) -> None:
        self._spans, self._extents = [], self.tile[0].extents
        super().load_prepare()

    def load_read(self, read_bytes: int) -> bytes:
        data = super().load_read(read_bytes)
        self._spans.append((self._file.tell() - len(data), len(data)))
        return data

    def load_end(self) -> None:
        if self._extents is not None:
            left, top, right, bottom = self._extents
            last = self.crop((left, bottom - 1, right, bottom)).getbbox(alpha_only=False)
            if self._interlaced or self.tell() or last is None:
                self._count(right - left, bottom - top)
        super().load_end()

    def _count(self, width: int, height: int) -> None:
        passes = (*_PASSES, _LAST_PASS) if self._interlaced else ((0, 0, 1, 1),)
        needed = sum(self._pass_bytes(width, height, *each) for each in passes)
        there = self._inflated(needed)
        if there < needed:
            raise OSError(f"its pixels end after {there:,} of {needed:,} bytes")

    def _pass_bytes(self, width: int, height: int, left: int, top: int, *steps: int) -> int:
        columns, rows = -(-(width - left) // steps[0]), -(-(height - top) // steps[1])
        return rows * (1 + (columns * self._bits + 7) // 8) if columns > 0 and rows > 0 else 0

    def _inflated(self, most: int) -> int:
        """To how many bytes the frame's data inflates, hardly more than `most`."""
        inflater, size, before = zlib.decompressobj(), 0, self._file.tell()
        for at, length in self._spans:
            self._file.seek(at)
            piece = self._file.read(length)
            try:
                while piece and size < most:
                    size += len(inflater.decompress(piece, _AT_ONCE))
                    piece = inflater.unconsumed_tail
            except zlib.error:
                break
        self._file.seek(before)
        return size
