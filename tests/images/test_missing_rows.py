"""Files that hold fewer rows than they say: an error, never rows that come out black."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import CorruptImage
from smolvlm_tools.images import EncodedImage, ImagePolicy, load_image
from smolvlm_tools.pages.picture import picture_pages
from tests.support.broken_images import SIGNATURE, chunk, encode

SIDE = 64
NOISE = Image.fromarray(np.random.default_rng(0).integers(1, 256, (SIDE, SIDE, 3), np.uint8))
ROW = 1 + 3 * SIDE
ROWS = b"".join(b"\0" + NOISE.crop((0, y, SIDE, y + 1)).tobytes() for y in range(SIDE))
ADAM7 = 12_408
"""Bytes of all passes of 64x64 RGB: a filter and its columns for every row of every pass."""


def png(data: bytes, interlaced: bool = False, pieces: int = 1) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, interlaced)
    packed = zlib.compress(data)
    step = -(-len(packed) // pieces)
    parts = (packed[at : at + step] for at in range(0, len(packed), step))
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    return SIGNATURE + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("pieces", [1, 9])
def test_a_png_with_all_rows_loads_also_where_they_are_black(pieces: int) -> None:
    pixels = load_image(png(ROWS, pieces=pieces)).pixels
    assert (np.asarray(pixels) == np.asarray(NOISE)).all()
    black = load_image(png(bytes(len(ROWS)), pieces=pieces))
    assert black.is_blank
    assert load_image(png(bytes(ADAM7), interlaced=True, pieces=pieces)).is_blank


@pytest.mark.parametrize("rows", [0, 1, 40, SIDE - 1])
@pytest.mark.parametrize("pieces", [1, 9])
def test_a_png_whose_rows_are_missing_is_corrupt(rows: int, pieces: int) -> None:
    with pytest.raises(CorruptImage, match="cannot be decoded"):
        load_image(png(ROWS[: rows * ROW], pieces=pieces))


@pytest.mark.parametrize("count", [0, 1, ADAM7 // 2, ADAM7 - 97])
def test_an_interlaced_png_whose_passes_are_missing_is_corrupt(count: int) -> None:
    with pytest.raises(CorruptImage, match="cannot be decoded"):
        load_image(png(bytes(count), interlaced=True))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_black_pngs_of_every_mode_load_and_short_ones_do_not(mode: str) -> None:
    whole = encode(Image.new(mode, (33, 20)), "PNG")
    assert load_image(whole).size == (33, 20)
    header = bytearray(whole[:33])
    struct.pack_into(">I", header, 20, 21)  # one row more
    struct.pack_into(">I", header, 29, zlib.crc32(header[12:29]))
    with pytest.raises(CorruptImage, match="its pixels end after"):
        load_image(bytes(header) + whole[33:])


def test_a_frame_of_an_animation_whose_rows_are_missing_is_corrupt() -> None:
    frames = [Image.new("L", (40, 40), 9), Image.new("L", (40, 40), 99)]
    data = encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    at = data.index(b"fdAT")
    (length,) = struct.unpack_from(">I", data, at - 4)
    sequence = data[at + 4 : at + 8]
    short = chunk(b"fdAT", sequence + zlib.compress(bytes(41 * 20)))
    damaged = data[: at - 4] + short + data[at + 8 + length :]
    pages = picture_pages(EncodedImage(damaged, "it"), ImagePolicy())
    assert (pages.read(1).width, len(pages)) == (40, 2)
    with pytest.raises(CorruptImage, match="page 2 of it"):
        pages.read(2)
    whole = picture_pages(EncodedImage(data, "it"), ImagePolicy())
    assert [whole.read(number).width for number in (1, 2, 1)] == [40, 40, 40]


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("rows", [1, 8])
def test_a_tiff_with_too_few_strips_is_corrupt(compression: str | None, rows: int) -> None:
    data = bytearray(encode(NOISE, "TIFF", compression=compression))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    tags = {struct.unpack_from("<H", data, at)[0]: at for at in range(
        directory + 2, directory + 2 + 12 * entries, 12
    )}  # fmt: skip
    struct.pack_into("<HHII", data, tags[278], 278, 4, 1, rows)
    with pytest.raises(CorruptImage, match=f"has 1 of the {SIDE // rows} strips"):
        load_image(bytes(data))


def test_a_gif_whose_codes_end_early_is_corrupt() -> None:
    data = encode(NOISE.quantize(256), "GIF")
    start = data.index(b",", 13 + 768) + 10
    codes = (256 | 257 << 9).to_bytes(3, "little")  # clear, end
    with pytest.raises(CorruptImage):
        load_image(data[:start] + b"\x08\x03" + codes + b"\0;")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("restart", [0, 1])
def test_a_jpeg_whose_data_ends_early_is_corrupt(mode: str, restart: int) -> None:
    data = encode(NOISE.convert(mode), "JPEG", restart_marker_rows=restart)
    start = data.index(b"\xff\xda")
    for share in (0.1, 0.5, 0.8):
        cut = start + int((len(data) - start) * share)
        if data[cut - 1] == 0xFF:
            cut -= 1
        with pytest.raises(CorruptImage, match="its pixels end early"):
            load_image(data[:cut] + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
def test_a_jpeg_that_is_grey_or_ends_grey_loads(mode: str, options: dict[str, Any]) -> None:
    for height in (0, 24, 33):
        image = NOISE.convert(mode)
        image.paste((128,) * len(image.getbands()), (0, height, SIDE, SIDE))
        for extra in (b"", b"\0" * 50):
            data = encode(image, "JPEG", **options)
            assert load_image(data[:-2] + extra + data[-2:]).size == (SIDE, SIDE)
