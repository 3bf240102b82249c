"""Images are converted in pieces: the same pixels as at once, and the memory is known before."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import ImageTooLarge
from smolvlm_tools.images import EncodedImage, ImagePolicy, colour, load_image, pixel_memory
from smolvlm_tools.images.pixel_memory import check_memory, converting_bytes, stored_bytes
from smolvlm_tools.pages.picture import picture_pages
from tests.support.broken_images import encode

WIDE, HIGH = 23, 17
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (HIGH, WIDE, 4), np.uint8)
RGBA = Image.fromarray(NOISE)
RGB = RGBA.convert("RGB")
GREY16 = Image.fromarray(RNG.integers(0, 65536, (HIGH, WIDE)).astype(np.uint16))
FLOATS = RNG.normal(size=(HIGH, WIDE)).astype(np.float32)
FLOATS[3, 3] = np.nan

SOURCES: dict[str, Any] = {
    "RGBA": encode(RGBA, "PNG"),
    "LA": encode(RGBA.convert("LA"), "PNG"),
    "palette": encode(RGB.quantize(8), "PNG", transparency=bytes([0, 90, 255])),
    "palette with a transparent colour": encode(RGB.quantize(8), "GIF", transparency=3),
    "transparent grey": encode(RGB.convert("L"), "PNG", transparency=9),
    "transparent RGB": encode(RGB, "PNG", transparency=RGB.getpixel((5, 5))),
    "16 bits": encode(GREY16, "PNG", transparency=int(np.asarray(GREY16)[0, 0])),
    "32 bits": encode(Image.fromarray(RNG.integers(-99, 1 << 30, (HIGH, WIDE), np.int32)), "TIFF"),
    "floats": encode(Image.fromarray(FLOATS), "TIFF"),
    "premultiplied": RGBA.convert("RGBa"),
    "array with alpha": NOISE,
    "array of floats": RNG.random((HIGH, WIDE, 3)),
    "array of 16 bits": RNG.integers(0, 65536, (HIGH, WIDE, 1)).astype(np.uint16),
    "array of bits": NOISE[..., 0] > 99,
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("piece", [7, WIDE, 3 * WIDE + 1])
def test_pieces_give_the_same_pixels(
    name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_image(SOURCES[name]).pixels
    monkeypatch.setattr(colour, "_PIECE", piece)
    pieces = load_image(SOURCES[name]).pixels
    assert (np.asarray(pieces) == np.asarray(whole)).all()
    assert type(pieces) is Image.Image and pieces.mode == "RGB"


def test_a_decoded_file_is_a_plain_image_that_outlives_the_file() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        pixels = load_image(encode(RGB, kind)).pixels
        assert type(pixels) is Image.Image
        assert pixels.copy().size == (WIDE, HIGH)


def test_pictures_stay_as_they_are() -> None:
    for image in (RGB.copy(), RGBA.copy(), GREY16.copy(), Image.open(io.BytesIO(SOURCES["LA"]))):
        before = image.copy().tobytes()
        assert load_image(image).pixels is not image
        assert image.tobytes() == before


@pytest.mark.parametrize(
    ("mode", "consume", "turned", "bytes_a_pixel"),
    [
        ("RGB", True, False, 4),
        ("RGB", False, False, 4),
        ("RGB", True, True, 8),
        ("RGBA", True, False, 8),
        ("RGBA", False, False, 4),
        ("CMYK", True, False, 8),
        ("L", True, False, 5),
        ("I;16", True, False, 5),
        ("I", True, False, 5),
        ("F", True, False, 5),
        ("F", False, False, 5),
    ],
)
def test_what_a_conversion_takes(
    mode: str, consume: bool, turned: bool, bytes_a_pixel: int
) -> None:
    size = 8_000, 5_000
    needed = converting_bytes(mode, size, consume=consume, turned=turned)
    assert needed / (size[0] * size[1]) == pytest.approx(bytes_a_pixel, rel=0.01)


def test_every_row_has_a_pointer_and_whole_words() -> None:
    assert stored_bytes("L", (1, 1_000)) == 12_000
    assert stored_bytes("RGB", (1_000, 1)) == 4_008


def test_more_pixels_allow_more_memory() -> None:
    check_memory(256_000_000, ImagePolicy(max_pixels=1), "it")
    with pytest.raises(ImageTooLarge, match="it takes 300 MB to decode; the limit is 256 MB"):
        check_memory(300_000_000, ImagePolicy(), "it")
    check_memory(300_000_000, ImagePolicy(max_pixels=50_000_000), "it")


@pytest.mark.parametrize("source", [RGB, SOURCES["RGBA"]], ids=["picture", "file"])
def test_what_takes_too_much_is_refused_before_it_is_decoded(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_memory, "_LEAST_BUDGET", 100)
    monkeypatch.setattr(pixel_memory, "_BYTES_A_PIXEL", 1)
    monkeypatch.setattr(Image.Image, "load", None)
    with pytest.raises(ImageTooLarge, match="to decode"):
        load_image(source, ImagePolicy(max_pixels=WIDE * HIGH))


@pytest.mark.parametrize("error", [MemoryError(), Image.DecompressionBombError("bomb")])
def test_a_page_that_takes_too_much_memory_is_too_large(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (9, 99, 200)]
    data = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    pages = picture_pages(EncodedImage(data, "it"), ImagePolicy())

    def fail(*_: object, **__: object) -> None:
        raise error

    read: Callable[[int], object] = pages.read
    with monkeypatch.context() as patch:
        patch.setattr("smolvlm_tools.pages.picture.picture_to_rgb", fail)
        with pytest.raises(ImageTooLarge, match="page 2 of it takes too much memory"):
            read(2)
    read(2)
