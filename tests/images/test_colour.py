"""Pixels of every mode come out upright and in the right colour."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from smolvlm_tools.images import load_image

RGB = Image.merge(
    "RGB",
    [Image.linear_gradient("L").resize((48, 32)).rotate(angle) for angle in (0, 90, 180)],
)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def load(image: Image.Image, kind: str, **options: Any) -> np.ndarray:
    return np.asarray(load_image(encode(image, kind, **options)).pixels).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (32, 16), "white")
    upright.paste("red", (0, 0, 16, 8))
    upright.paste("blue", (16, 8, 32, 16))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    image = load_image(encode(stored, kind, exif=exif, **options))
    assert image.size == (32, 16)
    difference = np.abs(np.asarray(image.pixels).astype(int) - np.asarray(upright))
    assert difference.max() <= (4 if kind == "JPEG" else 0)


def test_orientation_is_applied_to_pictures_too_and_they_stay_as_they_are() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.open(io.BytesIO(encode(RGB, "PNG", exif=exif)))
    assert load_image(picture).size == (32, 48)
    assert picture.size == (48, 32)


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\xff" * 200],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_garbage_exif_is_ignored(exif: bytes) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        assert load_image(encode(RGB, kind, exif=exif)).size == (48, 32)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert load_image(encode(RGB, "PNG", exif=exif)).size == (48, 32)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_composited_on_white(mode: str) -> None:
    image = Image.new("RGBA", (3, 1))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    image.putpixel((2, 0), (0, 0, 0, 255))
    if mode == "PA":  # no file format of ours holds it
        palette = image.convert("L").convert("PA")
        palette.putalpha(image.getchannel("A"))
        pixels = np.asarray(load_image(palette).pixels)
    else:
        pixels = load(image.convert(mode), "PNG")
    assert pixels[0].tolist() == [[255] * 3, [127] * 3, [0] * 3]


def test_premultiplied_alpha_is_undone_first() -> None:
    image = Image.new("RGBA", (1, 1), (200, 100, 0, 128))
    straight = np.asarray(load_image(image).pixels).astype(int)
    premultiplied = np.asarray(load_image(image.convert("RGBa")).pixels).astype(int)
    assert np.abs(straight - premultiplied).max() <= 2


@pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
def test_transparent_palette_entries_become_white(transparency: int | bytes) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    pixels = load(image, "PNG", transparency=transparency)
    assert pixels[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_a_transparent_gif_is_composited_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert load(image, "GIF", transparency=1)[0].tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"),
    [("L", 7, 7), ("RGB", (7, 8, 9), (7, 8, 9)), ("1", 0, 0)],
)
def test_a_transparent_colour_becomes_white(mode: str, colour: Any, transparency: Any) -> None:
    image = Image.new(mode, (2, 1), colour)
    image.putpixel((1, 0), (90, 90, 90) if mode == "RGB" else 1 if mode == "1" else 90)
    pixels = load(image, "PNG", transparency=transparency)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == ([255] * 3 if mode == "1" else [90] * 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_rounded(kind: str) -> None:
    values = np.array([[0, 128, 129, 257, 40000, 65535]], np.uint16)
    pixels = load(Image.fromarray(values), kind)
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 156, 255]
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_big_endian_sixteen_bit_grey_is_scaled_too() -> None:
    image = Image.frombytes("I;16B", (2, 1), bytes([0x9C, 0x40, 0xFF, 0xFF]))
    assert np.asarray(load_image(image).pixels)[0, :, 0].tolist() == [156, 255]


def test_a_transparent_sixteen_bit_grey_becomes_white() -> None:
    image = Image.fromarray(np.array([[1000, 1001]], np.uint16))
    assert load(image, "PNG", transparency=1000)[0, :, 0].tolist() == [255, 4]


def test_32_bit_integers_are_16_bit_when_they_fit_and_stretched_otherwise() -> None:
    fits = Image.fromarray(np.array([[0, 40000, 65535]], np.int32))
    assert np.asarray(load_image(fits).pixels)[0, :, 0].tolist() == [0, 156, 255]
    wide = Image.fromarray(np.array([[-1000, 0, 1000]], np.int32))
    assert np.asarray(load_image(wide).pixels)[0, :, 0].tolist() == [0, 128, 255]
    constant = Image.fromarray(np.full((1, 2), 1 << 20, np.int32))
    assert np.asarray(load_image(constant).pixels)[0, :, 0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 200.0], [0, 100, 200]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([np.nan, 0.2, np.inf], [51, 51, 51]),
        ([np.nan, np.nan, np.inf], [0, 0, 0]),
    ],
)
def test_float_tiffs_are_scaled_by_their_range(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert load(image, "TIFF")[0, :, 0].tolist() == expected


@pytest.mark.parametrize(("kind", "slack"), [("JPEG", 8), ("TIFF", 1)])
def test_cmyk_comes_out_in_its_own_colours(kind: str, slack: int) -> None:
    """Pillow writes CMYK JPEGs inverted with an Adobe marker, as Photoshop does."""
    ramp = RGB.convert("CMYK")
    options = {"quality": 100} if kind == "JPEG" else {}
    difference = np.abs(load(ramp, kind, **options) - np.asarray(RGB))
    assert difference.max() <= slack


def test_one_bit_images_are_black_and_white() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    for kind in ("PNG", "TIFF", "BMP"):
        assert load(image, kind)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "RGBX"])
def test_other_colour_spaces_come_back_as_rgb(mode: str) -> None:
    pixels = np.asarray(load_image(RGB.convert(mode)).pixels).astype(int)
    assert np.abs(pixels - np.asarray(RGB)).max() <= 6


def test_lab_comes_back_as_rgb() -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(RGB, *profiles, outputMode="LAB")
    assert lab is not None
    pixels = load(lab, "TIFF")
    assert np.abs(pixels - np.asarray(RGB)).mean() < 5


def test_the_first_frame_of_an_animation_is_taken_and_all_are_counted() -> None:
    frames = [Image.new("L", (4, 4), level) for level in (10, 100, 200)]
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        image = load_image(data)
        assert image.frames == 3
        assert np.abs(np.asarray(image.pixels).astype(int) - 10).max() <= 1
