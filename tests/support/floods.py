"""Sources that cost far more than an honest image of their size, made on the fly."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests.support.broken_images import SIGNATURE, chunk, encode

MOST_BYTES = 20_000_000
"""Of a file, by the default policy."""

PIXELS = 40_000_000
"""Of an image, by the default policy."""


@cache
def small_jpeg() -> bytes:
    return encode(Image.new("RGB", (64, 64)), "JPEG")


def escapes() -> str:
    return "data:image/png," + "%41" * 25_000_000


def escapes_within_the_limit() -> str:
    return "data:image/png," + "%41" * (MOST_BYTES - 1)


def spaced_base64() -> str:
    return "data:image/png;base64," + "AA " * 13_000_000


def long_data_header() -> str:
    return "data:image/png" + ";" * MOST_BYTES + ",AA"


def png(size: tuple[int, int], depth: int, colour: int, extra: bytes = b"") -> bytes:
    """A black or transparent PNG of any size, made row by row."""
    width, height = size
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * depth * channels + 7) // 8)
    packer, parts = zlib.compressobj(9), list[bytes]()
    rows = max(1, (1 << 20) // len(row))
    for start in range(0, height, rows):
        parts.append(packer.compress(row * min(rows, height - start)))
    data = b"".join(parts) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    body = chunk(b"IHDR", header) + palette + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return SIGNATURE + body


def webp(size: tuple[int, int], mode: str = "RGBA", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "WEBP", **options)
    return stream.getvalue()


def tiff(size: tuple[int, int], mode: str, compression: str | None = "tiff_adobe_deflate") -> bytes:
    return encode(Image.new(mode, size), "TIFF", compression=compression)


def jpeg(
    size: tuple[int, int], orientation: int = 1, mode: str = "RGB", **options: object
) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(Image.new(mode, size), "JPEG", exif=exif, **options)


def jpeg_of_comments() -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\0\2" * 4_900_000 + small_jpeg()[2:]


def jpeg_of_comments_behind_its_scan() -> bytes:
    return small_jpeg()[:-2] + b"\xff\xfe\0\2" * 4_900_000 + b"\xff\xd9"


def jpeg_of_padding() -> bytes:
    return b"\xff\xd8" + b"\xff" * (MOST_BYTES - 2 - len(small_jpeg())) + small_jpeg()[2:]


def jpeg_of_junk() -> bytes:
    return b"\xff\xd8\xff\xe0\0\2" + b"\0" * (MOST_BYTES - 9_000) + small_jpeg()[2:]


def jpeg_of_tables() -> bytes:
    table = b"\xff\xdb\0\x43\0" + b"\1" * 64
    return b"\xff\xd8" + table * (MOST_BYTES // len(table) - 100) + small_jpeg()[2:]


def jpeg_of_resources() -> bytes:
    """Image resource blocks of Photoshop, which Pillow reads one by one."""
    block = b"8BIM" + b"\4\4" + b"\0\0" + b"\0\0\0\0"
    content = b"Photoshop 3.0\0" + block * 5_000
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    return b"\xff\xd8" + segment * 330 + small_jpeg()[2:]


def jpeg_of_exif() -> bytes:
    """One directory over several segments, as Pillow joins them."""
    entries = 60_000
    tags = b"".join(struct.pack("<HHI4s", tag, 4, 1, b"\0\0\0\0") for tag in range(entries))
    return jpeg_with_exif(b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + tags)


def jpeg_of_big_exif() -> bytes:
    """The same as BigTIFF, which has no limit of 65,535 entries."""
    tag = struct.pack("<HHQ8s", 1, 4, 1, bytes(8))
    head = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 900_000)
    return jpeg_with_exif(head + tag * 900_000)


def jpeg_with_exif(exif: bytes) -> bytes:
    parts = [exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
    segments = (b"Exif\0\0" + part for part in parts)
    made = (b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in segments)
    return b"\xff\xd8" + b"".join(made) + small_jpeg()[2:]


def png_of_exif() -> bytes:
    tag = struct.pack("<HHQ8s", 1, 4, 1, bytes(8))
    head = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 900_000)
    return png((8, 8), 8, 2, chunk(b"eXIf", head + tag * 900_000))


def jpeg_of_scans(side: int = 6_300, scans: int = 20_000) -> bytes:
    """A progressive JPEG of many scans that change nothing: runs of blocks without coefficients."""
    head = encode(Image.new("L", (side, side)), "JPEG", progressive=True)
    first = head.index(b"\xff\xda")
    blocks = ((side + 7) // 8) ** 2
    table = b"\xff\xc4\0\x14\x10\1" + bytes(15) + b"\xe0"  # the code 0: a run of 2^14 blocks
    runs = blocks // (1 << 14) + 1
    bits = "".join("0" + "1" * 14 for _ in range(runs))
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    scan = b"\xff\xda\0\x08\1\1\0\1\x3f\0" + data.replace(b"\xff", b"\xff\0")
    return head[:first] + table + scan * scans + b"\xff\xd9"


def jpeg_of_hidden_comments() -> bytes:
    """Comments behind a marker that has no length for Pillow, but for most others."""
    hidden = b"\xff\xf0\xff\xfc" + b"\xff\xfe\0\2" * 16_000
    return b"\xff\xd8" + hidden * 300 + small_jpeg()[2:]


def jpeg_of_empty_scans(side: int = 6_300, scans: int = 40) -> bytes:
    """Scans that end at once."""
    head = encode(Image.new("L", (side, side)), "JPEG")
    first = head.index(b"\xff\xda")
    return head[:first] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * scans + b"\xff\xd9"


def tiny_webp(size: tuple[int, int]) -> bytes:
    small = bytearray(webp((16, 16), lossless=True))
    at = small.index(b"VP8L") + 9
    bits = (size[0] - 1) | (size[1] - 1) << 14 | 1 << 28
    struct.pack_into("<I", small, at, bits)
    return bytes(small)


def tiff_of_tiles(tiles: int = 2_000_000, width: int = 1_000) -> bytes:
    """Tiles of 1x1 pixels, all at the same place in the file."""
    height = tiles // width
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, 1),
        (323, 4, 1, 1),
        (324, 4, tiles, 8 + 2 + 12 * 10 + 4),
        (325, 4, tiles, 8 + 2 + 12 * 10 + 4 + 4 * tiles),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + bytes(4)
    return head + struct.pack("<I", 8) * tiles + struct.pack("<I", 1) * tiles


def tiff_of_entries(entries: int = 65_000) -> bytes:
    directory = b"".join(struct.pack("<HHII", 300 + tag, 4, 1, 1) for tag in range(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + directory + bytes(4)


def tiff_of_fractions(count: int = 2_000_000) -> bytes:
    """An orientation of very many fractions, each an object of its own."""
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, 8),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (274, 5, count, 8 + 2 + 12 * 7 + 4),
        (277, 3, 1, 1),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + bytes(4)
    return head + struct.pack("<II", 1, 1) * count + bytes(64)


def gif_of_comments(block: int = 1) -> bytes:
    plain = encode(Image.new("P", (8, 8)), "GIF")
    first = plain.index(b"\x2c", 13)
    blocks = (bytes([block]) + b"a" * block) * (MOST_BYTES // (block + 1) - 1_000)
    return plain[:first] + b"\x21\xfe" + blocks + b"\0" + plain[first:]


def webp_of_chunks() -> bytes:
    plain = webp((8, 8), lossless=True)
    body = b"VP8X\x0a\0\0\0\0\0\0\0\7\0\0\7\0\0" + plain[12:] + b"JUNK\0\0\0\0" * 2_400_000
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bmp_of_runs(size: tuple[int, int], data: bytes) -> bytes:
    """A run-length encoded BMP, which Pillow decodes in Python."""
    width, height = size
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    start = 14 + len(head) + 1024
    total = start + len(data)
    return b"BM" + struct.pack("<IHHI", total, 0, 0, start) + head + bytes(1024) + data


FLOODS: dict[str, tuple[Callable[[], bytes | str], str]] = {
    "data URI of 25 million escapes": (escapes, "ImageTooLarge"),
    "data URI of 20 million escapes": (escapes_within_the_limit, "UnsupportedFormat"),
    "data URI of spaced base64": (spaced_base64, "UnsupportedFormat"),
    "data URI with a header of 20 MB": (long_data_header, "BadEncoding"),
    "file URL of many parts": (lambda: "file:///" + "a/" * 10_000_000, "ImageNotFound"),
    "file URL of many escapes": (lambda: "file:///" + "%41" * 20_000_000, "ImageNotFound"),
    "PNG 1x40M": (lambda: png((1, PIXELS), 8, 0), "ImageTooLarge"),
    "PNG 40Mx1, 16-bit RGBA": (lambda: png((PIXELS, 1), 16, 6), "ImageTooLarge"),
    "PNG 40 MP RGBA": (lambda: png((8_000, 5_000), 8, 6), "ImageTooLarge"),
    "WebP of 38 bytes, 40 MP": (lambda: tiny_webp((8_000, 5_000)), "ImageTooLarge"),
    "TIFF 40 MP CMYK": (lambda: tiff((8_000, 5_000), "CMYK"), "ImageTooLarge"),
    "JPEG 40 MP turned": (lambda: jpeg((8_000, 5_000), 6), "ImageTooLarge"),
    "JPEG of comments": (jpeg_of_comments, "ImageTooLarge"),
    "JPEG of comments behind its scan": (jpeg_of_comments_behind_its_scan, "ImageTooLarge"),
    "JPEG of padding": (jpeg_of_padding, "ImageTooLarge"),
    "JPEG of junk": (jpeg_of_junk, "ImageTooLarge"),
    "JPEG of tables": (jpeg_of_tables, "ImageTooLarge"),
    "JPEG of hidden comments": (jpeg_of_hidden_comments, "ImageTooLarge"),
    "JPEG of Photoshop resources": (jpeg_of_resources, "ImageTooLarge"),
    "JPEG of EXIF entries": (jpeg_of_exif, "ImageTooLarge"),
    "JPEG of BigTIFF EXIF entries": (jpeg_of_big_exif, "ImageTooLarge"),
    "PNG of EXIF entries": (png_of_exif, "8x8"),
    "JPEG of 20,000 scans": (jpeg_of_scans, "ImageTooLarge"),
    "TIFF of 1x1 tiles": (tiff_of_tiles, "ImageTooLarge"),
    "TIFF of entries": (tiff_of_entries, "ImageTooLarge"),
    "TIFF of fractions": (tiff_of_fractions, "ImageTooLarge"),
    "GIF of one-byte comments": (gif_of_comments, "ImageTooLarge"),
    "GIF of long comments": (lambda: gif_of_comments(255), "8x8"),
    "WebP of chunks": (webp_of_chunks, "ImageTooLarge"),
    "BMP of row ends": (
        lambda: bmp_of_runs((20_000, 2_000), b"\1\0\0\0" * 2_000 + b"\0\1"),
        "ImageTooLarge",
    ),
    "BMP of empty runs": (lambda: bmp_of_runs((8, 8), b"\0\2\0\0" * 4_900_000), "ImageTooLarge"),
}
"""Sources, and how what comes of them begins: an error, or a size. Each is told by its structure,
without decoding."""

CASES = {name: make for name, (make, _) in FLOODS.items()}
