"""Image files that are broken, oversized or foreign, and what each is refused with."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from smolvlm_tools import (
    BadDimensions,
    CorruptImage,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def png(width: int, height: int, data: bytes | None = None, extra: bytes = b"") -> bytes:
    """A 1-bit grey PNG; `data` replaces the compressed rows, `extra` precedes them."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    if data is None:
        data = zlib.compress(bytes((width + 7) // 8 + 1) * height)
    return SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    data = bytearray(encode(NOISE, "BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def looping_tiff() -> bytes:
    data = bytearray(encode(NOISE, "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, directory)
    return bytes(data)


def flip(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0xFF]) + data[offset + 1 :]


PNG = encode(NOISE, "PNG")
JPEG = encode(NOISE, "JPEG")
GIF = encode(NOISE, "GIF")
WEBP = encode(NOISE, "WEBP")
TIFF = encode(NOISE, "TIFF", compression="tiff_lzw")

BROKEN = {
    "empty": (b"", CorruptImage),
    "one byte": (b"\x89", CorruptImage),
    "PNG magic only": (SIGNATURE, CorruptImage),
    "PNG header only": (PNG[:33], CorruptImage),
    "half a PNG": (PNG[: len(PNG) // 2], CorruptImage),
    "half a JPEG": (JPEG[: len(JPEG) // 2], CorruptImage),
    "JPEG magic only": (b"\xff\xd8\xff\xe0", CorruptImage),
    "JPEG without end marker": (JPEG[:-2], CorruptImage),
    "half a GIF": (GIF[: len(GIF) // 2], CorruptImage),
    "GIF magic only": (b"GIF89a", CorruptImage),
    "half a WEBP": (WEBP[: len(WEBP) // 2], CorruptImage),
    "40 bytes of WEBP": (WEBP[:40], CorruptImage),
    "half a TIFF": (TIFF[: len(TIFF) // 2], CorruptImage),
    "TIFF magic only": (b"II*\0", CorruptImage),
    "TIFF pointing nowhere": (b"II*\0\xff\xff\xff\x7f", CorruptImage),
    "BMP magic only": (b"BM", CorruptImage),
    "half a BMP": (bmp(64, 64)[:5000], CorruptImage),
    "text that starts with BM": (b"BM is a nice pair of letters" * 9, CorruptImage),
    "flipped IHDR checksum": (flip(PNG, 29), CorruptImage),
    "IDAT not zlib": (png(8, 8, b"not zlib at all"), CorruptImage),
    "short IDAT": (png(80, 80, zlib.compress(b"\0" * 10)), CorruptImage),
    "0x0": (png(0, 0, b""), BadDimensions),
    "0x8": (png(0, 8, b""), BadDimensions),
    "BMP 0x0": (bmp(0, 0), BadDimensions),
    "BMP -5x-5": (bmp(-5, -5), ImageTooLarge),
    "2^31-1 square": (png(2**31 - 1, 2**31 - 1, b""), ImageTooLarge),
    "30000 square": (png(30000, 30000, b""), ImageTooLarge),
    "13000 square": (png(13000, 13000), ImageTooLarge),
    "5 MB zTXt": (
        png(8, 8, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5_000_000)))),
        ImageTooLarge,
    ),
    "20,000 tEXt chunks": (png(8, 8, extra=chunk(b"tEXt", b"a\0b") * 20_000), ImageTooLarge),
    "1,500,000 empty IDAT chunks": (png(8, 8, extra=chunk(b"IDAT", b"") * 1_500_000), InputError),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UnsupportedFormat),
    "PSD": (b"8BPS\0\x01" + bytes(40), UnsupportedFormat),
    "FITS": (b"SIMPLE  =                    T" + b" " * 50, UnsupportedFormat),
    "SVG": (b'<svg><image href="file:///etc/passwd"/></svg>', UnsupportedFormat),
    "HTML": (b"<!doctype html><html></html>", UnsupportedFormat),
    "ZIP": (b"PK\x03\x04" + bytes(60), UnsupportedFormat),
    "ICO": (encode(NOISE, "ICO"), UnsupportedFormat),
    "PPM": (encode(NOISE, "PPM"), UnsupportedFormat),
    "WAV": (b"RIFF\x24\0\0\0WAVEfmt ", UnsupportedFormat),
}
