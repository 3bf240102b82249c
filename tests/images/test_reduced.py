"""Decoding only what is needed: JPEGs at reduced scale, known images not at all."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

import smolvlm_tools.images.opened as opened
from smolvlm_tools.errors import BadEncoding, CorruptImage, ImageTooLarge
from smolvlm_tools.images import ImagePolicy, KnownImages, load_image


def photo(size: tuple[int, int]) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str = "JPEG", orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, kind, exif=exif)
    return stream.getvalue()


@pytest.fixture
def decoded(monkeypatch):
    """The sizes at which files were decoded."""
    sizes: list[tuple[int, int]] = []

    def spy(image, policy, name, **options):
        sizes.append(image.size)
        return original(image, policy, name, **options)

    original = opened.picture_to_rgb
    monkeypatch.setattr(opened, "picture_to_rgb", spy)
    return sizes


@pytest.mark.parametrize(
    ("wanted", "pixels"),
    [
        ((800, 600), (800, 600)),
        ((401, 300), (400, 300)),  # within 1/32
        ((420, 300), (800, 600)),
        ((200, 150), (200, 150)),
        ((100, 75), (100, 75)),
        ((1, 1), (100, 75)),
        ((200, 400), (800, 600)),  # the height decides
        (None, (800, 600)),
    ],
)
def test_a_jpeg_is_decoded_with_no_more_pixels_than_asked_for(wanted, pixels):
    image = load_image(encode(photo((800, 600))), reduce_to=lambda size: wanted)
    assert image.pixels.size == pixels
    assert image.size == (800, 600)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_jpegs_are_upright_and_say_their_full_size(orientation):
    data = encode(photo((800, 600)), orientation=orientation)
    full, asked = load_image(data), []
    reduced = load_image(data, reduce_to=lambda size: asked.append(size) or (size[0] // 4, 1))
    assert asked == [full.size]
    assert reduced.size == full.size
    assert reduced.pixels.size == (full.size[0] // 4, full.size[1] // 4)
    assert reduced.sha256 == full.sha256
    small = np.asarray(full.pixels.resize(reduced.pixels.size, Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(reduced.pixels).astype(int) - small).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_formats_are_decoded_whole(kind):
    image = load_image(encode(photo((80, 60)), kind), reduce_to=lambda size: (10, 10))
    assert image.pixels.size == image.size == (80, 60)


def test_cut_off_jpegs_are_refused_at_any_scale():
    data = encode(photo((800, 600)))
    with pytest.raises(CorruptImage):
        load_image(data[: len(data) // 2], reduce_to=lambda size: (100, 75))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_known_image_is_not_decoded_until_its_pixels_are_used(kind, decoded):
    data, known = encode(photo((80, 60)), kind), KnownImages()
    first = load_image(data, known=known)
    assert decoded == [(80, 60)]
    second = load_image(data, known=known)
    for name in ("sha256", "size", "format", "frames", "is_blank"):
        assert getattr(second, name) == getattr(first, name)
    assert len(decoded) == 1
    assert np.array_equal(np.asarray(second.pixels), np.asarray(first.pixels))
    assert second.pixels is second.pixels
    assert len(decoded) == 2


def test_a_known_jpeg_is_decoded_at_the_scale_of_the_new_request():
    data, known = encode(photo((800, 600))), KnownImages()
    assert load_image(data, reduce_to=lambda size: (100, 75), known=known).pixels.width == 100
    assert load_image(data, known=known).pixels.width == 800
    assert load_image(data, reduce_to=lambda size: (200, 150), known=known).pixels.width == 200


def test_what_failed_is_not_known():
    data, known = encode(photo((800, 600)))[:5000], KnownImages()
    for _ in range(2):
        with pytest.raises(CorruptImage):
            load_image(data, known=known)


def test_another_policy_checks_again():
    data, known = encode(photo((80, 60))), KnownImages()
    load_image(data, known=known)
    with pytest.raises(ImageTooLarge):
        load_image(data, ImagePolicy(max_pixels=4799), known=known)


def test_a_false_type_is_refused_for_a_known_image_too():
    known = KnownImages()
    load_image(encode(photo((80, 60))), known=known)
    text = base64.b64encode(encode(photo((80, 60)))).decode()
    with pytest.raises(BadEncoding):
        load_image(f"data:image/png;base64,{text}", known=known)


def test_no_more_images_are_known_than_the_limit(decoded):
    known = KnownImages(limit=2)
    files = [encode(photo((80 + i, 60))) for i in range(3)]
    for index in (0, 1, 0, 2, 0, 1):  # 2 pushes 1 out, which was used least recently
        load_image(files[index], known=known)
    assert [size[0] - 80 for size in decoded] == [0, 1, 2, 1]
    known.clear()
    load_image(files[1], known=known)
    assert len(decoded) == 5
