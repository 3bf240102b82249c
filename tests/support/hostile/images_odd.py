"""Image files that are unusual but sound, and sizes and metadata that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from tests.support.broken_images import JPEG, NOISE, PNG, bmp, chunk, encode, looping_tiff, png

from .case import ANY, COSTLY, TYPED, WORKS, Case, image
from .formats import grey_tiff, sixteen_bits, sound, tiff

MAYBE = COSTLY | {WORKS}


def cases() -> Iterator[Case]:
    yield from _sound()
    yield from _exif()
    yield from _profiles()
    yield from _lies()
    yield from _tiff_lies()
    yield from _animations()


def _sound() -> Iterator[Case]:
    for size in ((1, 1), (3, 3), (1, 5000), (5000, 1), (2, 9000), (13, 17)):
        make = partial(_grey, size)
        yield image(f"sound PNG of {size[0]}x{size[1]}", make, WORKS, size=size)
    pixels = np.asarray(NOISE)
    modes = {
        "16-bit grey": lambda: encode(sixteen_bits(), "PNG"),
        "CMYK JPEG": lambda: encode(NOISE.convert("CMYK"), "JPEG"),
        "palette with transparency": lambda: encode(NOISE.quantize(9), "PNG", transparency=1),
        "grey with alpha": lambda: encode(NOISE.convert("LA"), "PNG"),
        "1-bit": lambda: encode(NOISE.convert("1"), "PNG"),
        "float TIFF": lambda: encode(Image.fromarray(pixels[..., 0].astype("f4")), "TIFF"),
        "int32 TIFF": lambda: encode(Image.fromarray(pixels[..., 0].astype("i4")), "TIFF"),
        "TIFF of NaN": lambda: encode(Image.fromarray(np.full((64, 64), np.nan, "f4")), "TIFF"),
        "YCbCr TIFF": lambda: encode(NOISE.convert("YCbCr"), "TIFF"),
        "LAB TIFF": lambda: encode(NOISE.convert("LAB"), "TIFF"),
    }
    for name, make in modes.items():
        yield image(f"sound {name}", make, WORKS, size=(64, 64))
    odd = {
        "JPEG with trailing bytes": lambda: JPEG + b"trailing",
        "PNG with an archive behind it": lambda: PNG + b"PK\x03\x04" + bytes(100),
        "looping TIFF": looping_tiff,
        "APNG without fcTL": lambda: png(8, 8, extra=chunk(b"acTL", struct.pack(">II", 2, 0))),
        "36 megapixels of 1 bit": lambda: png(6000, 6000),
        "PNG with unknown chunks": lambda: png(8, 8, extra=chunk(b"teSt", b"?") * 100),
    }
    for name, make in odd.items():
        yield image(f"odd: {name}", make, MAYBE, pages="1")


def _grey(size: tuple[int, int]) -> bytes:
    return encode(Image.new("L", size, 99), "PNG")


def _exif() -> Iterator[Case]:
    for turn in range(1, 9):
        size = (30, 40) if turn >= 5 else (40, 30)
        make = partial(turned, turn)
        yield image(f"EXIF orientation {turn}", make, WORKS, suffix=".jpg", size=size)
    directory = [(256, 4, [1])]
    garbage = {
        "orientation 0": tiff([(274, 3, [0])]),
        "orientation 65535": tiff([(274, 3, [65535])]),
        "orientation of 2 million values": tiff([(274, 3, [6])], claims={274: 2_000_000}),
        "orientation as text": tiff([(274, 2, [54] * 9)]),
        "random bytes": np.random.default_rng(3).bytes(60_000),
        "nothing": b"",
        "only its order": b"II*\0",
        "a directory at itself": b"II*\0\4\0\0\0",
        "a directory outside": b"II*\0\xff\xff\xff\x7f",
        "a directory without its end": tiff(directory)[:-3],
        "65,535 entries": b"II*\0\x08\0\0\0\xff\xff" + b"\1\1\4\0\1\0\0\0aaaa" * 5_000,
        "directories that point at each other": tiff([(34665, 4, [8]), (34853, 4, [8])]),
        "an unknown type": tiff([(274, 16, [6])]),
        "a rational by zero": tiff([(282, 4, [1, 0])]),
    }
    for name, data in garbage.items():
        held = b"Exif\0\0" + data
        yield image(f"EXIF in JPEG: {name}", partial(with_app1, held), ANY, suffix=".jpg")
        yield image(f"EXIF in PNG: {name}", partial(with_exif, data), ANY)
        yield image(f"EXIF in WebP: {name}", partial(webp_with, held), ANY, suffix=".webp")


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encode(Image.new("RGB", (40, 30), "red"), "JPEG", exif=exif)


def with_app1(content: bytes, marker: int = 0xE1) -> bytes:
    head = bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2)
    return JPEG[:2] + head + content + JPEG[2:]


def with_exif(content: bytes) -> bytes:
    return png(8, 8, extra=chunk(b"eXIf", content))


def webp_with(exif: bytes) -> bytes:
    return encode(NOISE, "WEBP", exif=exif)


def _profiles() -> Iterator[Case]:
    header = struct.pack(">I4sI4s4s4s", 2**31, b"lcms", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    profiles = {
        "garbage": b"\xff" * 3000,
        "that claims 2 GB": header + bytes(104) + struct.pack(">I", 2**32 - 1),
        "with 2^32 tags": header + bytes(104) + struct.pack(">I", 2**32 - 1) + bytes(600),
        "of CMYK": header.replace(b"RGB ", b"CMYK") + bytes(200),
    }
    for name, data in profiles.items():
        yield image(f"ICC profile {name} in PNG", partial(with_icc, data, "PNG"), ANY)
        yield image(f"ICC profile {name} in JPEG", partial(with_icc, data, "JPEG"), ANY)
        yield image(f"ICC profile {name} in WebP", partial(with_icc, data, "WEBP"), ANY)
        yield image(f"ICC profile {name} in TIFF", partial(with_icc, data, "TIFF"), ANY)
    lying = b"ICC_PROFILE\0\xff\x01" + b"x" * 100
    yield image("ICC profile whose parts lie", partial(with_app1, lying * 9, 0xE2), ANY)


def with_icc(profile: bytes, kind: str) -> bytes:
    return encode(NOISE, kind, icc_profile=profile)


def _patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    patched = bytearray(data)
    struct.pack_into(form, patched, at, *values)
    return bytes(patched)


def _lies() -> Iterator[Case]:
    for size in ((65535, 1), (1, 65535), (64, 9999), (9999, 64), (2**31 - 1, 1), (6000, 6000)):
        told = f"{size[0]}x{size[1]}"
        yield image(f"PNG of 8x8 pixels that claims {told}", partial(_png_lies, *size), ANY)
    for size in ((2**31 - 1, 1), (-(2**31), -(2**31)), (1, -(2**31)), (6000, 6000), (64, -6000)):
        told = f"{size[0]}x{size[1]}"
        yield image(f"BMP that claims {told}", partial(bmp, *size), ANY, suffix=".bmp")
    fields = {"bits": (28, "<H"), "compression": (30, "<I"), "colours": (46, "<I")}
    for name, (at, form) in {**fields, "offset": (10, "<I"), "header": (14, "<I")}.items():
        for value in (0, 7, 65535):
            make = partial(_patched, sound("BMP"), at, form, value)
            yield image(f"BMP whose {name} is {value}", make, ANY, suffix=".bmp")
    for at, what in ((24, "canvas"), (12, "chunk"), (4, "length")):
        make = partial(_patched, sound("animated WEBP"), at, "<I", 0xFFFFFF)
        yield image(f"WebP whose {what} is 2^24", make, ANY, suffix=".webp", pages="1")
    for at, what in ((6, "screen"), (8, "height"), (10, "colours")):
        make = partial(_patched, sound("GIF"), at, "<H", 65535)
        yield image(f"GIF whose {what} is 65535", make, ANY, suffix=".gif", pages="1")
    code = sound("GIF").index(b",") + 10
    for size in (0, 1, 13, 255):
        make = partial(_patched, sound("GIF"), code, "B", size)
        yield image(f"GIF with LZW codes of {size} bits", make, ANY, suffix=".gif", pages="1")


def _png_lies(width: int, height: int) -> bytes:
    return png(width, height, bytes.fromhex("789c63000000010001"))


def _tiff_lies() -> Iterator[Case]:
    pixels = bytes(64)
    tags = {
        "width 2^32-1": [(256, 4, [2**32 - 1])],
        "width 0": [(256, 4, [0])],
        "no width": [(256, 4, [])],
        "strip outside": [(273, 4, [2**31])],
        "strip of 4 GB": [(279, 4, [2**32 - 1])],
        "no strip": [(273, 4, []), (279, 4, [])],
        "rows of a strip 0": [(278, 4, [0])],
        "65,535 samples": [(277, 3, [65535])],
        "bits 65535": [(258, 3, [65535])],
        "bits 0": [(258, 3, [0])],
        "compression 60000": [(259, 3, [60000])],
        "JPEG inside that is none": [(259, 3, [7])],
        "fax inside": [(259, 3, [4])],
        "LZW inside that is none": [(259, 3, [5])],
        "photometric 9999": [(262, 3, [9999])],
        "tiles of 0": [(322, 3, [0]), (323, 3, [0]), (324, 4, [8]), (325, 4, [64])],
        "tiles of 65,535": [(322, 3, [65535]), (323, 3, [65535]), (324, 4, [8]), (325, 4, [64])],
        "predictor 99": [(317, 3, [99]), (259, 3, [8])],
        "planes 2": [(284, 3, [2])],
        "a palette that is too short": [(262, 3, [3]), (320, 3, [1, 2, 3])],
        "sample format 99": [(339, 3, [99])],
        "subdirectories at itself": [(330, 4, [8, 8, 8])],
        "text as width": [(256, 2, [65, 65])],
    }
    for name, replaced in tags.items():
        make = partial(grey_tiff, 8, 8, pixels, *replaced)
        yield image(f"TIFF: {name}", make, ANY, suffix=".tif", pages="1")
    for count in (0, 2**31 - 1, 2**32 - 1):
        make = partial(grey_tiff, 8, 8, pixels, _273=count, _279=count)
        yield image(f"TIFF: {count:,} strips by its count", make, ANY, suffix=".tif", pages="1")
    big = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<Q", 2**60) + bytes(60)
    yield image("BigTIFF of 2^60 entries", lambda: big, TYPED, suffix=".tif")


def _animations() -> Iterator[Case]:
    moving = sound("APNG")
    count = moving.index(b"acTL") + 4
    for frames in (0, 1, 999, 2**31 - 1):
        make = partial(_acted, moving, count, frames)
        yield image(f"APNG that claims {frames:,} frames", make, ANY, pages="1")
    still = [Image.new("L", (8, 8), level % 256) for level in range(500)]
    make = partial(encode, still[0], "GIF", save_all=True, append_images=still[1:])
    yield image("GIF of 500 frames", make, WORKS, suffix=".gif", pages="1")
    mpo = sound("MPO")
    index = mpo.index(b"MPF\0")
    for shift, what in ((24, "count"), (50, "length"), (60, "offset")):
        make = partial(_patched, mpo, index + shift, "<I", 2**31 - 1)
        yield image(f"MPO whose {what} lies", make, ANY, suffix=".jpg", pages="1")
    frame = sound("animated WEBP").index(b"ANMF") + 8
    make = partial(_patched, sound("animated WEBP"), frame, "<IIII", *[0xFFFFFF] * 4)
    yield image("animated WebP with a frame off its canvas", make, ANY, pages="1")
    first = bytearray(encode(Image.new("L", (8, 8)), "TIFF"))
    yield image("TIFF of 300,000 pages", partial(paged_tiff, bytes(first), 300_000), COSTLY)


def _acted(data: bytes, at: int, frames: int) -> bytes:
    """The animation with another number of frames, its checksum set right."""
    claimed = chunk(b"acTL", struct.pack(">II", frames, 0))
    return data[: at - 8] + claimed + data[at + 12 :]


def paged_tiff(first: bytes, pages: int) -> bytes:
    data = bytearray(first)
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, len(data))
    start = len(data)
    return bytes(data) + b"".join(
        struct.pack("<HI", 0, start + 6 * (page + 1)) for page in range(pages)
    )
