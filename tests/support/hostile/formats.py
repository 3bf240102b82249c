"""Small sound files of every image format, to be damaged, and TIFF files of any tags."""

from __future__ import annotations

import struct
from functools import cache
from importlib.util import find_spec

import numpy as np
from PIL import Image

from tests.support.broken_images import NOISE, bmp, encode

HAS_HEIF = find_spec("pillow_heif") is not None

_MAKERS = {
    "PNG": lambda: encode(NOISE, "PNG"),
    "palette PNG": lambda: encode(NOISE.quantize(16), "PNG", transparency=3),
    "16-bit PNG": lambda: encode(sixteen_bits(), "PNG"),
    "APNG": lambda: encode(NOISE, "PNG", save_all=True, append_images=frames()),
    "JPEG": lambda: encode(NOISE, "JPEG"),
    "progressive JPEG": lambda: encode(NOISE, "JPEG", progressive=True),
    "CMYK JPEG": lambda: encode(NOISE.convert("CMYK"), "JPEG"),
    "MPO": lambda: encode(NOISE, "MPO", save_all=True, append_images=frames()),
    "GIF": lambda: encode(NOISE, "GIF"),
    "animated GIF": lambda: encode(NOISE, "GIF", save_all=True, append_images=frames()),
    "WEBP": lambda: encode(NOISE, "WEBP"),
    "lossless WEBP": lambda: encode(NOISE.convert("RGBA"), "WEBP", lossless=True),
    "animated WEBP": lambda: encode(NOISE, "WEBP", save_all=True, append_images=frames()),
    "LZW TIFF": lambda: encode(NOISE, "TIFF", compression="tiff_lzw"),
    "deflate TIFF": lambda: encode(NOISE, "TIFF", compression="tiff_adobe_deflate"),
    "JPEG TIFF": lambda: encode(NOISE, "TIFF", compression="jpeg"),
    "multi-page TIFF": lambda: encode(NOISE, "TIFF", save_all=True, append_images=frames()),
    "BMP": lambda: bmp(64, 64),
    "palette BMP": lambda: encode(NOISE.quantize(16), "BMP"),
    "HEIC": lambda: heic(),
}
NAMES = [name for name in _MAKERS if name != "HEIC" or HAS_HEIF]


@cache
def sound(name: str) -> bytes:
    """A sound file of 64x64 pixels."""
    return _MAKERS[name]()


def frames() -> list[Image.Image]:
    return [NOISE.rotate(90), NOISE.rotate(180)]


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.asarray(NOISE)[..., 0].astype(np.uint16) * 257)


def heic() -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encode(NOISE, "HEIF")


_FORMS = {1: "B", 2: "B", 3: "H", 4: "I", 16: "Q"}
Tag = tuple[int, int, list[int]]
"""Number, type and values of a TIFF tag."""


def tiff(tags: list[Tag], data: bytes = b"", claims: dict[int, int] | None = None) -> bytes:
    """A little-endian TIFF file of one directory; `data` lies at byte 8.

    `claims` are counts of values that tags state instead of their own.
    """
    directory = 8 + len(data) + len(data) % 2
    after = directory + 2 + 12 * len(tags) + 4
    entries, long = b"", b""
    for number, kind, values in sorted(tags):
        packed = struct.pack(f"<{len(values)}{_FORMS[kind]}", *values)
        count = (claims or {}).get(number, len(values))
        entries += struct.pack("<HHI", number, kind, count)
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", after + len(long))
            long += packed + bytes(len(packed) % 2)
    head = b"II*\0" + struct.pack("<I", directory) + data + bytes(len(data) % 2)
    return head + struct.pack("<H", len(tags)) + entries + bytes(4) + long


def grey_tiff(width: int, height: int, data: bytes = b"", *more: Tag, **claims: int) -> bytes:
    """A grey TIFF file in one strip of 8-bit pixels; `more` are tags that replace its own."""
    own: list[Tag] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [8]),
        (259, 3, [1]),
        (262, 3, [1]),
        (273, 4, [8]),
        (277, 3, [1]),
        (278, 4, [height]),
        (279, 4, [len(data)]),
    ]
    replaced = {tag[0] for tag in more}
    kept = [tag for tag in own if tag[0] not in replaced]
    stated = {int(name[1:]): count for name, count in claims.items()}
    return tiff([*kept, *(tag for tag in more if tag[2])], data, stated)
