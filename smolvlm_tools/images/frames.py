"""How many frames and metadata chunks a file has, counted without decoding.

GIF and TIFF files do not state the number of frames. Pillow would seek through every one in Python,
so their blocks are walked here.
"""

from __future__ import annotations

import struct

from ..errors import ImageTooLarge
from .policy import ImagePolicy

_MAX_PNG_CHUNKS = 100_000
"""Writers put 4-64 kB into an IDAT chunk, so an honest 20 MB file has some thousand."""


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
        if ancillary > policy.max_metadata_chunks or chunks > _MAX_PNG_CHUNKS:
            raise ImageTooLarge(
                f"{name} has more than {min(ancillary, chunks) - 1:,} metadata chunks",
                "Save it without metadata or raise ImagePolicy.max_metadata_chunks.",
            )
        offset += 12 + length


def count_gif_frames(data: bytes, limit: int) -> int:
    """Walk the blocks of https://www.w3.org/Graphics/GIF/spec-gif89a.txt."""
    offset = 13 + _colour_table_size(data[10])
    frames = 0
    while offset < len(data) and frames <= limit:
        block = data[offset]
        if block == 0x21:  # extension: introducer, label, sub-blocks
            offset = _skip_sub_blocks(data, offset + 2)
        elif block == 0x2C and offset + 9 < len(data):  # image descriptor, LZW size, sub-blocks
            frames += 1
            offset += 10 + _colour_table_size(data[offset + 9])
            offset = _skip_sub_blocks(data, offset + 1)
        else:  # trailer or garbage
            break
    return max(1, frames)


def _colour_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(data: bytes, offset: int) -> int:
    while offset < len(data) and data[offset]:
        offset += data[offset] + 1
    return offset + 1


def count_tiff_pages(data: bytes, limit: int) -> int:
    """Follow the chain of image file directories (TIFF 6.0, section 2); a loop ends it."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    count_form, entry_size, link_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    (offset,) = struct.unpack_from(order + link_form, data, 8 if big else 4)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) <= limit:
        seen.add(offset)
        try:
            (entries,) = struct.unpack_from(order + count_form, data, offset)
            link = offset + struct.calcsize(count_form) + entries * entry_size
            (offset,) = struct.unpack_from(order + link_form, data, link)
        except (struct.error, OverflowError):  # the chain points outside the file
            break
    return max(1, len(seen))
