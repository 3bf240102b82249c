"""Small image files that cost far more time or memory than their size."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial

from PIL import Image

from tests.support.broken_images import SIGNATURE, bmp, chunk, encode, png

from .case import ANY, COSTLY, WORKS, Case, image
from .formats import grey_tiff, tiff

MAYBE = COSTLY | {WORKS}


def cases() -> Iterator[Case]:
    yield from _jpegs()
    yield from _pngs()
    yield from _tiffs()
    yield from _others()


def _jpegs() -> Iterator[Case]:
    yield image("slow progressive JPEG", slow_jpeg, MAYBE, suffix=".jpg")
    yield image("progressive JPEG of 2,000 scans", partial(slow_jpeg, 3000, 2_000), MAYBE)
    yield image("JPEG of 4.9 million COM segments", comments, MAYBE, suffix=".jpg")
    yield image("20 MB of 0xff after a JPEG's start", lambda: b"\xff\xd8" + b"\xff" * 19_999_998)
    yield image("20 MB of restart markers", lambda: b"\xff\xd8" + b"\xff\xd0" * 9_999_999)
    yield image("20 MB of starts of JPEG", lambda: b"\xff\xd8" * 9_999_999)
    yield image("JPEG of 300,000 APP1 segments", partial(segments, 0xE1, 300_000), MAYBE)
    yield image("JPEG of 300,000 DQT segments", partial(segments, 0xDB, 300_000), ANY)
    yield image("JPEG of 300,000 SOF segments", partial(segments, 0xC0, 300_000), ANY)
    for side in ((65535, 65535), (65500, 600), (600, 65500), (6300, 6300)):
        make = partial(jpeg_that_claims, *side)
        yield image(f"JPEG that claims {side[0]}x{side[1]}", make, COSTLY | {WORKS})
    yield image("JPEG of 39 megapixels", partial(grey_jpeg, 6244), MAYBE, suffix=".jpg")


def _pngs() -> Iterator[Case]:
    yield image("PNG of 1x40,000,000", partial(long_png, 1, 40_000_000), MAYBE)
    yield image("PNG of 40,000,000x1", partial(long_png, 40_000_000, 1), MAYBE)
    yield image("PNG of 6,300 square in 16-bit RGBA", partial(deep_png, 6_300), MAYBE)
    yield image("PNG whose rows inflate to 200 MB", partial(overlong_png, 200_000_000), MAYBE)
    yield image("PNG of 99,000 IDAT chunks", lambda: many_parts(99_000), MAYBE)
    yield image("PNG of 900 text chunks of 20 kB each", lambda: many_texts(900, 20_000), MAYBE)
    for kind in ("zTXt", "iTXt", "iCCP"):
        make = partial(deflated_texts, kind, 1, 300_000_000)
        yield image(f"{kind} that inflates to 300 MB", make, MAYBE)
        make = partial(deflated_texts, kind, 900, 900_000)
        yield image(f"900 {kind} of 0.9 MB", make, MAYBE)
    for count in (2**31 - 1, 2**32 - 1, 40_000_000):
        exif = chunk(b"eXIf", tiff([(270, 2, [65] * 8)], claims={270: count}))
        name = f"eXIf PNG whose tag has {count:,} bytes"
        yield image(name, lambda exif=exif: png(8, 8, extra=exif), MAYBE)
    raw = b"\nexif\n%8d\n" % 400_000_000 + b"45786966" * 100
    profile = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))
    yield image("raw profile that lies about its size", lambda: png(8, 8, extra=profile), MAYBE)
    yield image("eXIf PNG of many strings", exif_strings, MAYBE)


def _tiffs() -> Iterator[Case]:
    yield image("TIFF of 1x1 tiles, 16 MB", tiny_tiles, MAYBE, suffix=".tif")
    yield image("TIFF of 40 megapixels in int32", partial(deflated_tiff, 32, 2), MAYBE)
    yield image("TIFF of 40 megapixels in float32", partial(deflated_tiff, 32, 3), MAYBE)
    yield image("TIFF of 40 megapixels in 16 bits", partial(deflated_tiff, 16, 1), MAYBE)
    yield image("TIFF of 2,000,000 strips", many_strips, MAYBE, suffix=".tif")
    yield image("TIFF of 65,535 tags", partial(many_tags, 65_535), MAYBE, suffix=".tif")
    yield image("TIFF with 65,535 private directories", exif_directories, MAYBE, suffix=".tif")


def _others() -> Iterator[Case]:
    yield image("WebP alpha of 38 bytes", webp_alpha, MAYBE, suffix=".webp")
    yield image("WebP of 16383x16383", partial(webp_alpha, 16383, 16383), COSTLY)
    yield image("GIF of 4 million comments", comment_gif, MAYBE, suffix=".gif")
    yield image("GIF of 900 large frames", partial(large_gif, 900), MAYBE, pages="1")
    yield image("GIF of 65,535 square", partial(gif_screen, 65_535, 65_535), COSTLY)
    yield image("GIF of LZW codes that repeat", lzw_gif, MAYBE, suffix=".gif")
    yield image("BMP of 30,000 square", lambda: bmp(30_000, 30_000), COSTLY)
    yield image("BMP run-length bomb", rle_bmp, MAYBE, suffix=".bmp")


def slow_jpeg(side: int = 6_300, scans: int = 20_000) -> bytes:
    """Its last scan, which refines all coefficients and is some 60 bytes, comes again and again."""
    stream = io.BytesIO()
    Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + b"\xff\xd9"


def grey_jpeg(side: int) -> bytes:
    return encode(Image.new("L", (side, side), 128), "JPEG")


def comments() -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\0\2" * 4_900_000 + encode(Image.new("L", (8, 8)), "JPEG")[2:]


def segments(marker: int, count: int) -> bytes:
    """A JPEG file before which segments of 60 bytes repeat, with the content of a small one."""
    body = bytes((0xFF, marker, 0, 60)) + b"\x08\0\x08\0\x08\x01\x01\x11\0" + bytes(49)
    return b"\xff\xd8" + body * count + encode(Image.new("L", (8, 8)), "JPEG")[2:]


def jpeg_that_claims(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def zeros(size: int, level: int = 9) -> bytes:
    """Deflated zeros, made in pieces."""
    deflate, piece = zlib.compressobj(level), bytes(1_000_000)
    parts = [deflate.compress(piece) for _ in range(size // len(piece))]
    return b"".join([*parts, deflate.compress(bytes(size % len(piece))), deflate.flush()])


def long_png(width: int, height: int) -> bytes:
    return png(width, height, zeros(((width + 7) // 8 + 1) * height))


def deep_png(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    data = zeros((side * 8 + 1) * side, 1)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def overlong_png(size: int) -> bytes:
    return png(8, 8, zeros(size))


def many_parts(count: int) -> bytes:
    data = zlib.compress(bytes(2 * 8 * 1000))
    empty = chunk(b"IDAT", b"") * count
    return png(8, 8, data[:2], chunk(b"IDAT", b""))[:-12] + empty + chunk(b"IEND", b"")


def many_texts(count: int, size: int) -> bytes:
    return png(8, 8, extra=chunk(b"tEXt", b"a\0" + b"b" * size) * count)


def deflated_texts(kind: str, count: int, size: int) -> bytes:
    """A PNG file with chunks of text or profiles that inflate to `size` bytes each."""
    heads = {"zTXt": b"a\0\0", "iTXt": b"a\0\1\0\0\0", "iCCP": b"a\0\0"}
    return png(8, 8, extra=chunk(kind.encode(), heads[kind] + zeros(size)) * count)


def exif_strings() -> bytes:
    tags = [(number, 2, [65] * 6_000) for number in range(1, 2_000)]
    return png(8, 8, extra=chunk(b"eXIf", tiff(tags)))


def tiny_tiles() -> bytes:
    count = 2_000_000
    more = [(322, 3, [1]), (323, 3, [1]), (324, 4, [8] * count), (325, 4, [1] * count)]
    return grey_tiff(2_000, 1_000, b"\0", *more, (273, 4, []), (278, 4, []), (279, 4, []))


def many_strips() -> bytes:
    count = 2_000_000
    more = [(273, 4, [8] * count), (278, 4, [1]), (279, 4, [1] * count)]
    return grey_tiff(1, count, b"\0", *more)


def deflated_tiff(bits: int, sample: int) -> bytes:
    side = 6_300
    more = [(258, 3, [bits]), (259, 3, [8]), (339, 3, [sample])]
    return grey_tiff(side, side, zeros(side * side * bits // 8), *more)


def many_tags(count: int) -> bytes:
    own = {256, 257, 258, 259, 262, 273, 277, 278, 279}
    more = [(number, 3, [1]) for number in range(1, count + 1) if number not in own]
    return grey_tiff(8, 8, bytes(64), *more[: count - len(own)])


def exif_directories() -> bytes:
    return grey_tiff(8, 8, bytes(64), (330, 4, [8] * 65_535), (34665, 4, [8]), (34853, 4, [8]))


def webp_alpha(width: int = 16_383, height: int = 2_441) -> bytes:
    """Lossless, and every Huffman code has one symbol, so that no pixel takes a bit."""
    bits = [(width - 1, 14), (height - 1, 14), (1, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
    bits += [(0b0001, 4)] * 5  # a simple code of one symbol, in one bit: 0
    number, at = 0, 0
    for value, size in bits:
        number |= value << at
        at += size
    stream = b"\x2f" + number.to_bytes((at + 7) // 8 + 4, "little")
    body = b"VP8L" + struct.pack("<I", len(stream)) + stream + bytes(len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def comment_gif() -> bytes:
    data = encode(Image.new("L", (8, 8)), "GIF")
    return data[:-1] + b"!\xfe\1a\0" * 3_900_000 + b";"


def large_gif(frames: int) -> bytes:
    first = gif_screen(6_000, 6_000)
    frame = first[first.index(b",") : -1]
    return first[:-1] + frame * (frames - 1) + b";"


def gif_screen(width: int, height: int) -> bytes:
    """A screen of this size, filled by a frame of one pixel that claims to be as large."""
    table = b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + table + frame + b";"


def lzw_gif() -> bytes:
    """Codes that clear the table, and nothing else, for 19 MB."""
    head = gif_screen(6_000, 6_000)
    start = head.index(b"\2\2\x44\1\0")
    block = b"\xff" + b"\x24\x49\x92" * 85
    return head[:start] + b"\2" + block * 74_000 + b"\0;"


def rle_bmp() -> bytes:
    """Runs of 255 pixels in two bytes."""
    side = 6_000
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0)
    rows = (b"\xff\1" * (side // 255 + 1) + b"\0\0") * side
    offset = 14 + 40 + 1024
    body = head + bytes(1024) + rows + b"\0\1"
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + body
