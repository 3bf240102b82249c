"""Broken, oversized and foreign files: each a typed error, none of them slow."""

from __future__ import annotations

import io
import struct
import warnings
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
from tests.support.broken_images import (
    BROKEN,
    GIF,
    JPEG,
    NOISE,
    PNG,
    TIFF,
    WEBP,
    chunk,
    encode,
    looping_tiff,
    png,
)

pytestmark = pytest.mark.timeout(20)


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
