"""Broken, oversized and foreign files: each a typed error, none of them slow."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from smolvlm_tools import (
    BadDimensions,
    CorruptImage,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
)
from smolvlm_tools.images import ImagePolicy, load_image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))

pytestmark = pytest.mark.timeout(20)


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


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("error")
def test_a_broken_file_is_a_typed_error_of_one_line(name: str) -> None:
    data, error = BROKEN[name]
    with pytest.raises(error) as caught:
        load_image(data)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "data", [PNG, JPEG, GIF, WEBP, TIFF], ids=["PNG", "JPEG", "GIF", "WEBP", "TIFF"]
)
def test_no_damage_raises_anything_but_an_input_error(data: bytes) -> None:
    rng = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(150):
            damaged = bytearray(data)
            for at in rng.integers(0, min(len(data), 400), 4):
                damaged[at] = rng.integers(256)
            cut = len(data) if rng.random() < 0.5 else int(rng.integers(len(data)))
            try:
                load_image(bytes(damaged[:cut]))
            except InputError as error:
                assert error.remedy


def test_a_text_file_named_png_is_unsupported_and_named(tmp_path: Any) -> None:
    path = tmp_path / "note.png"
    path.write_text("just some words")
    with pytest.raises(UnsupportedFormat, match=r"note\.png"):
        load_image(path)


@pytest.mark.parametrize(
    "data",
    [
        JPEG + b"trailing bytes",
        looping_tiff(),
        png(8, 8, extra=chunk(b"acTL", struct.pack(">II", 2, 0))),
        png(6000, 6000),
    ],
    ids=["JPEG with trailing bytes", "looping TIFF", "APNG without fcTL", "36 megapixels"],
)
def test_an_odd_but_readable_file_loads(data: bytes) -> None:
    assert load_image(data).pixels.mode == "RGB"


def test_the_pixel_cap_is_checked_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(ImageTooLarge, match="64x64 pixels; the limit is 4,095"):
        load_image(PNG, ImagePolicy(max_pixels=4095))


def test_the_pixel_cap_holds_for_pictures_and_arrays() -> None:
    policy = ImagePolicy(max_pixels=4095)
    for source in (NOISE, np.asarray(NOISE)):
        with pytest.raises(ImageTooLarge, match="64x64"):
            load_image(source, policy)


def test_a_500_frame_gif_gives_its_first_frame_and_the_count() -> None:
    frames = [Image.new("L", (8, 8), level % 256) for level in range(500)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).frames == 500
    with pytest.raises(ImageTooLarge, match="more than 499 frames"):
        load_image(data, ImagePolicy(max_frames=499))


def test_a_long_chain_of_tiff_pages_is_counted_no_further_than_the_cap() -> None:
    first = bytearray(encode(Image.new("L", (8, 8)), "TIFF"))
    (directory,) = struct.unpack_from("<I", first, 4)
    (entries,) = struct.unpack_from("<H", first, directory)
    link = directory + 2 + 12 * entries
    struct.pack_into("<I", first, link, len(first))
    pages = b"".join(
        struct.pack("<HI", 0, len(first) + 6 * (page + 1)) for page in range(2_000_000)
    )
    with pytest.raises(ImageTooLarge, match="more than 1,000 frames"):
        load_image(bytes(first) + pages)


def test_broken_pictures_are_typed_errors_too() -> None:
    picture = Image.open(io.BytesIO(PNG[: len(PNG) // 2]))
    with pytest.raises(CorruptImage, match="the PIL image cannot be decoded"):
        load_image(picture)
    with pytest.raises(BadDimensions):
        load_image(Image.new("RGB", (0, 5)))


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    load_image(PNG)
    with pytest.raises(InputError):
        load_image(BROKEN["13000 square"][0])
    assert before == (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        list(warnings.filters),
    )
