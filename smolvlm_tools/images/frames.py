"""What PNG, GIF, WebP and BMP files are made of, walked without decoding.

GIF files do not state the number of frames; Pillow would seek through every one in Python.
"""

from __future__ import annotations

import struct
import sys
from typing import NamedTuple

from ..errors import ImageTooLarge
from .policy import ImagePolicy

_MOST_PNG_CHUNKS = 100_000
"""Writers put 4-64 kB into an IDAT chunk, so an honest 20 MB file has some thousand."""

_MOST_GIF_BLOCKS = 400_000
"""Writers fill blocks of 255 bytes, so an honest 20 MB file has 80,000."""

_MOST_WEBP_CHUNKS = 1_000
"""Besides those of frames. The format knows seven kinds."""

_MOST_RUN_LENGTH_PIXELS, _MOST_RUN_LENGTH_BYTES = 4_000_000, 2_000_000
"""Of a BMP file with run lengths, which Pillow decodes in Python: a second for either."""

_WITHOUT_METADATA = "Save it again without metadata."


def check_png_chunks(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a PNG with very many chunks, which Pillow would read one by one in Python.

    Layout: https://www.w3.org/TR/png-3/#5Chunk-layout, length, type, data, CRC; a lower-case
    first letter marks an ancillary chunk.
    """
    offset, chunks, ancillary = 8, 0, 0
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        chunks += 1
        # fcTL and fdAT carry an animation's frames, which have their own limit.
        if data[offset + 4] & 0x20 and data[offset + 4 : offset + 8] not in (b"fcTL", b"fdAT"):
            ancillary += 1
        if ancillary > policy.max_metadata_chunks or chunks > _MOST_PNG_CHUNKS:
            raise ImageTooLarge(
                f"{name} has more than {min(ancillary, chunks) - 1:,} metadata chunks",
                "Save it without metadata. Or raise `ImagePolicy.max_metadata_chunks`.",
            )
        offset += 12 + length


def check_gif_blocks(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a GIF with very many blocks, which Pillow would read one by one in Python."""
    if len(data) > 13 and _walk_gif(data, policy.max_frames).blocks > _MOST_GIF_BLOCKS:
        raise ImageTooLarge(f"{name} has more than {_MOST_GIF_BLOCKS:,} blocks", _WITHOUT_METADATA)


def count_gif_frames(data: bytes, limit: int) -> int:
    """The frames of a GIF, up to one more than `limit`."""
    return max(1, _walk_gif(data, limit).frames)


def is_cut_gif(data: bytes) -> bool:
    """Whether the trailer is missing: no other byte of a GIF tells that frames are.

    What follows a trailer is left alone, and so are the zeros that some writers put before it.
    """
    end = _walk_gif(data, sys.maxsize).end
    return not data[end:].lstrip(b"\0").startswith(b";")


class _GifWalk(NamedTuple):
    frames: int
    blocks: int
    end: int
    """Where the next frame or the trailer would begin."""


def _walk_gif(data: bytes, most_frames: int) -> _GifWalk:
    """Walk by https://www.w3.org/Graphics/GIF/spec-gif89a.txt, up to the limits."""
    offset = 13 + _colour_table_size(data[10])
    frames, blocks = 0, 0
    while offset < len(data) and frames <= most_frames:
        kind = data[offset]
        if kind == 0x21:  # extension: introducer, label, sub-blocks
            offset += 2
        elif kind == 0x2C and offset + 9 < len(data):  # image descriptor, LZW size, sub-blocks
            frames += 1
            offset += 11 + _colour_table_size(data[offset + 9])
        else:  # trailer or garbage
            break
        while offset < len(data) and data[offset] and blocks <= _MOST_GIF_BLOCKS:
            offset += data[offset] + 1
            blocks += 1
        offset += 1
        blocks += 1
        if blocks > _MOST_GIF_BLOCKS:
            break
    return _GifWalk(frames, blocks, offset)


def _colour_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def check_webp_chunks(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a WebP with very many chunks: libwebp keeps a list of them.

    Layout: RFC 9649, section 2.3, type, length, data, a byte where the length is odd.
    """
    offset, chunks = 12, 0
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, offset + 4)
        chunks += 1
        if chunks > _MOST_WEBP_CHUNKS + policy.max_frames:
            raise ImageTooLarge(f"{name} has more than {chunks - 1:,} chunks", _WITHOUT_METADATA)
        offset += 8 + length + length % 2


def check_bmp_runs(data: bytes, policy: ImagePolicy, name: str) -> None:
    """Refuse a large BMP with run lengths; others are read as they are.

    Layout: BITMAPINFOHEADER, width and height at byte 18, compression at 30; 1 and 2 are RLE.
    """
    if len(data) < 34:
        return
    width, height = struct.unpack_from("<ii", data, 18)
    (compression,) = struct.unpack_from("<I", data, 30)
    if compression not in (1, 2):
        return
    pixels = abs(width * height)
    if pixels > _MOST_RUN_LENGTH_PIXELS or len(data) > _MOST_RUN_LENGTH_BYTES:
        raise ImageTooLarge(
            f"{name} has {pixels:,} pixels in {len(data):,} bytes of run lengths; the limit is "
            f"{_MOST_RUN_LENGTH_PIXELS:,} pixels and {_MOST_RUN_LENGTH_BYTES:,} bytes",
            "Save it as PNG.",
        )
