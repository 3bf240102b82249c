"""HEIF images (HEIC) by the extra `heic`: recognised without it, read upright and within limits."""

from __future__ import annotations

import base64
import struct
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools.errors import (
    BackendUnavailable,
    BadEncoding,
    CorruptImage,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
)
from smolvlm_tools.images import ImagePolicy, load_image
from smolvlm_tools.images.formats import identify, is_image
from smolvlm_tools.pages import read_pages
from tests.support.real_documents import real_document

BOX = b"\0\0\0\x18ftyp"
_ORIENTATION = 0x0112


@pytest.fixture
def heif():
    return pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")


def corners() -> Image.Image:
    """Red, green, blue and white quarters, wider than high."""
    image = Image.new("RGB", (128, 64), "white")
    image.paste("red", (0, 0, 64, 32))
    image.paste("lime", (64, 0, 128, 32))
    image.paste("blue", (0, 32, 64, 64))
    return image


def encode(heif, *images: Image.Image, **options) -> bytes:
    file = heif.HeifFile()
    for image in images:
        file.add_from_pillow(image)
    stream = BytesIO()
    file.save(stream, quality=-1, **options)
    return stream.getvalue()


def names(image: Image.Image) -> list[str]:
    """The colours of the four corners: top left, top right, bottom left, bottom right."""
    known = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    places = [(x, y) for y in (8, image.height - 8) for x in (8, image.width - 8)]
    pixels = [np.array(image.getpixel(place), int) for place in places]
    return [min(known, key=lambda name: abs(pixel - known[name]).sum()) for pixel in pixels]


@pytest.mark.parametrize("brand", ["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"])
def test_heif_is_recognised_without_its_library(brand, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = BOX + brand.encode() + bytes(12)
    assert identify(data, "it") == "HEIF" and is_image(data)
    with pytest.raises(BackendUnavailable, match=r"pillow-heif.*\n?.*smolvlm-tools\[heic\]"):
        load_image(data)
    with pytest.raises(BackendUnavailable):
        list(read_pages(data))


@pytest.mark.parametrize("brand", [b"avif", b"isom", b"mp42", b"qt  "])
def test_other_files_with_ftyp_are_not_images(brand):
    with pytest.raises(UnsupportedFormat):
        load_image(BOX + brand + bytes(12))


def test_a_phone_picture_looks_like_the_same_page_as_jpeg(heif):
    image = load_image(real_document("DA-1p.heic"))
    same = load_image(real_document("DA-1p.jpg"))
    assert (image.format, image.frames) == ("HEIF", 1)
    small = [np.asarray(x.pixels.convert("L").resize((60, 80)), int) for x in (image, same)]
    assert abs(small[0] - small[1]).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_come_out_upright_once(heif, orientation):
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stream = BytesIO()
    corners().save(stream, "PNG", exif=exif)
    stored = load_image(stream.getvalue())  # what the same EXIF makes of a PNG
    image = load_image(encode(heif, corners(), exif=exif.tobytes()))
    assert image.size == image.pixels.size == stored.size
    assert names(image.pixels) == names(stored.pixels)


def test_alpha_is_composited_on_white(heif):
    image = load_image(encode(heif, Image.new("RGBA", (64, 64), (0, 0, 255, 0))))
    assert min(image.pixels.getpixel((32, 32))) > 250


def test_ten_bits_keep_their_brightness(heif):
    deep = heif.from_bytes("RGB;16", (64, 64), np.full((64, 64, 3), 0x8000, "<u2").tobytes())
    stream = BytesIO()
    deep.save(stream, quality=-1)
    assert abs(load_image(stream.getvalue()).pixels.getpixel((32, 32))[0] - 128) <= 3


def test_every_source_and_its_mime_types(heif, tmp_path):
    data = encode(heif, corners())
    (tmp_path / "image.heic").write_bytes(data)
    text = base64.b64encode(data).decode()
    sources = [data, BytesIO(data), tmp_path / "image.heic", text]
    sources += [f"data:image/{kind};base64,{text}" for kind in ("heic", "heif", "heic-sequence")]
    for source in sources:
        assert names(load_image(source).pixels) == ["red", "lime", "blue", "white"]
    with pytest.raises(BadEncoding, match=r"holds a HEIF image.*image/heic"):
        load_image(f"data:image/png;base64,{text}")


def test_several_images_in_a_file_are_pages(heif):
    data = encode(heif, *(Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")))
    pages = list(read_pages(data))
    assert [page.total for page in pages] == [3, 3, 3]
    colours = [names(load_image(page.data).pixels)[0] for page in pages]
    assert colours == ["red", "blue", "lime"]
    with pytest.raises(ImageTooLarge, match="frames"):
        load_image(data, ImagePolicy(max_frames=2))


def test_the_limits_hold_before_pixels_are_decoded(heif, monkeypatch):
    data = encode(heif, corners())
    with pytest.raises(ImageTooLarge, match="bytes"):
        load_image(data, ImagePolicy(max_bytes=100))
    monkeypatch.setattr(heif.HeifImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageTooLarge, match="128x64 pixels"):
        load_image(data, ImagePolicy(max_pixels=1000))


@pytest.mark.parametrize("size", [(30_000, 30_000), (2_000, 2_000), (16, 16), (0, 0)])
def test_a_size_that_is_not_the_pixels_own_is_refused(heif, size):
    data = encode(heif, Image.effect_noise((640, 480), 50).convert("RGB"))
    place = data.index(b"ispe") + 8
    with pytest.raises(InputError):
        load_image(data[:place] + struct.pack(">II", *size) + data[place + 8 :])


def test_damaged_files_are_refused(heif):
    data = encode(heif, corners())
    rng = np.random.default_rng(0)
    for length in (5, 13, 40, 200, len(data) // 2, len(data) - 20):
        with pytest.raises((CorruptImage, UnsupportedFormat)):
            load_image(data[:length])
    for number in range(30):
        with pytest.raises(InputError):
            load_image(BOX + b"heic" + rng.bytes(20 + 50 * number))
