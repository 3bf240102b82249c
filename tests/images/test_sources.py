"""Every kind of source gives the same pixels; encodings and other objects are checked."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import (
    BadDimensions,
    BadEncoding,
    BadOptions,
    CorruptImage,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
)
from smolvlm_tools.images import ImagePolicy, ImageSource, LoadedImage, load_image

RAMP = np.arange(40 * 24 * 3, dtype=np.uint32).reshape(24, 40, 3).astype(np.uint8)


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


PNG = encode(Image.fromarray(RAMP))
BASE64 = base64.b64encode(PNG).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a ramp.png"
    path.write_bytes(PNG)
    return path


def pixels(image: LoadedImage) -> np.ndarray:
    assert image.pixels.mode == "RGB"
    return np.asarray(image.pixels)


def test_every_encoded_source_gives_the_same_image(file: Path) -> None:
    wrapped = "\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76))
    sources: list[ImageSource] = [
        file,
        str(file),
        file.as_uri(),
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        io.BytesIO(PNG),
        BASE64,
        wrapped,
        f"data:image/png;base64,{BASE64}",
        f"data:image/png;charset=utf-8;base64,{quote(BASE64)}",
        f"DATA:;base64,{BASE64}",
        f"data:image/png,{quote(PNG)}",
    ]
    for source in sources:
        image = load_image(source)
        assert np.array_equal(pixels(image), RAMP)
        assert image.sha256 == hashlib.sha256(PNG).hexdigest()
        assert (image.format, image.frames, image.size) == ("PNG", 1, (40, 24))


def test_an_open_file_is_read_and_left_open(file: Path) -> None:
    with file.open("rb") as stream:
        assert np.array_equal(pixels(load_image(stream)), RAMP)
        assert not stream.closed


def test_pictures_and_arrays_give_the_same_image_and_digest() -> None:
    picture = load_image(Image.fromarray(RAMP))
    array = load_image(RAMP)
    assert np.array_equal(pixels(picture), RAMP)
    assert np.array_equal(pixels(array), RAMP)
    assert picture.sha256 == array.sha256
    assert picture.format is None
    assert load_image(RAMP.transpose(1, 0, 2)).sha256 != array.sha256


def test_a_picture_handed_over_is_neither_changed_nor_shared() -> None:
    picture = Image.fromarray(RAMP)
    image = load_image(picture)
    image.pixels.putpixel((0, 0), (255, 255, 255))
    assert np.array_equal(np.asarray(picture), RAMP)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_allowed_format_is_named(kind: str) -> None:
    assert load_image(encode(Image.fromarray(RAMP), kind)).format == kind


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 5000), (5000, 1)])
def test_extreme_sizes_load(size: tuple[int, int]) -> None:
    assert load_image(encode(Image.new("RGB", size))).size == size


def test_an_image_is_blank_when_no_channel_varies_by_more_than_8_levels() -> None:
    array = np.full((10, 10, 3), 100, np.uint8)
    array[0, 0, 1] = 108
    assert load_image(array).is_blank
    array[0, 0, 1] = 109
    assert not load_image(array).is_blank


# Arrays


def test_arrays_of_other_dtypes_are_scaled_to_eight_bits() -> None:
    for array in (
        RAMP.astype(np.uint16) * 257,
        RAMP.astype(np.float32) / 255,
        RAMP.astype(">u2") * 257,
    ):
        assert np.array_equal(pixels(load_image(array)), RAMP)
    mask = RAMP[:, :, 0] > 100
    assert np.array_equal(pixels(load_image(mask))[:, :, 2], mask * np.uint8(255))


def test_grey_arrays_and_alpha_arrays_load() -> None:
    grey = RAMP[:, :, 0]
    for array in (grey, grey[:, :, None]):
        assert np.array_equal(pixels(load_image(array)), np.repeat(grey[:, :, None], 3, 2))
    transparent = np.concatenate([RAMP, np.zeros_like(RAMP[:, :, :1])], axis=2)
    assert (pixels(load_image(transparent)) == 255).all()


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        (RAMP.transpose(2, 0, 1), BadDimensions, r"channels first.*transpose\(1, 2, 0\)"),
        (RAMP[None], BadDimensions, "is not that of an image"),
        (RAMP[:, :, :2], BadDimensions, "is not that of an image"),
        (np.zeros((0, 5, 3), np.uint8), BadDimensions, "5x0"),
        (RAMP.astype(np.int64), BadEncoding, "dtype is int64"),
        (RAMP.astype(np.float32), BadEncoding, "floats run from 0 to 255"),
        (np.full((2, 2), np.nan), BadEncoding, "nan"),
    ],
)
def test_an_array_that_is_no_image_says_why(
    array: np.ndarray, error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        load_image(array)


# Encodings and other objects


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BASE64.rstrip("=") + "A", "not valid base64"),
        (BASE64[:40] + "!" + BASE64[41:], "not valid base64"),
        (f"data:image/png;base64,{BASE64[:-2]}", "not valid base64"),
        (f"data:image/png;base64,{BASE64[:40]}ü", "not valid base64"),
        (f"data:image/png;base64{BASE64}", "no comma"),
        (f"data:image/jpeg;base64,{BASE64}", "claims to be 'image/jpeg' but holds a PNG"),
        (f"data:text/html;base64,{BASE64}", "claims to be 'text/html'"),
    ],
)
def test_broken_encodings_say_what_is_wrong_without_repeating_the_content(
    text: str, words: str
) -> None:
    with pytest.raises(BadEncoding, match=words) as caught:
        load_image(text)
    assert len(str(caught.value)) < 250


def test_jpg_is_accepted_as_the_name_of_jpeg() -> None:
    jpeg = base64.b64encode(encode(Image.fromarray(RAMP), "JPEG")).decode()
    for name in ("jpg", "jpeg", "JPEG"):
        assert load_image(f"data:image/{name};base64,{jpeg}").format == "JPEG"


@pytest.mark.parametrize(
    "source",
    [
        PNG + bytes(100),
        io.BytesIO(PNG + bytes(100)),
        base64.b64encode(PNG + bytes(100)).decode(),
        f"data:image/png;base64,{base64.b64encode(PNG + bytes(100)).decode()}",
        f"data:image/png,{quote(PNG + bytes(100))}",
    ],
)
def test_the_byte_cap_holds_for_every_source(source: ImageSource) -> None:
    with pytest.raises(ImageTooLarge, match="bytes"):
        load_image(source, ImagePolicy(max_bytes=len(PNG)))


def test_huge_base64_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object, **__: object) -> bytes:
        raise AssertionError("decoded")

    monkeypatch.setattr("smolvlm_tools.images.encodings.base64.b64decode", decode)
    for text in ("A" * (64 << 20), "data:image/png;base64," + "A" * (64 << 20)):
        with pytest.raises(ImageTooLarge):
            load_image(text)


def test_a_file_object_is_read_no_further_than_the_cap() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += min(size, 1000)
            return bytes(min(size, 1000))

    endless = Endless()
    with pytest.raises(ImageTooLarge):
        load_image(endless, ImagePolicy(max_bytes=5000))  # type: ignore[arg-type]
    assert endless.given == 5001


def test_file_objects_that_give_no_bytes_say_so(file: Path) -> None:
    with pytest.raises(BadEncoding, match="returns str, not bytes"):
        load_image(io.StringIO("text"))  # type: ignore[arg-type]
    stream = file.open("rb")
    stream.close()
    with pytest.raises(CorruptImage, match="could not be read"):
        load_image(stream)


@pytest.mark.parametrize("source", [None, 7, ["a.png"], {"image": "a.png"}])
def test_other_objects_are_no_image_source(source: object) -> None:
    with pytest.raises(UnsupportedFormat, match="is not an image source"):
        load_image(source)  # type: ignore[arg-type]


def test_the_policy_refuses_unknown_names_and_impossible_limits() -> None:
    for limits in ({"max_megabytes": 3}, {"max_pixels": 0}, {"url_timeout": -1}):
        with pytest.raises(BadOptions):
            ImagePolicy(**limits)  # type: ignore[arg-type]
