"""Pages of TIFF files and of plain images."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from smolvlm_tools import (
    BadOptions,
    CorruptImage,
    UnsupportedFormat,
    load_image,
)
from smolvlm_tools.pages import open_pages, read_pages
from tests.support.documents import (
    png,
    tiff,
)


def test_an_image_is_one_page_of_its_own_bytes():
    data = png()
    [page] = read_pages(data)
    assert page.data == data
    assert (page.total, page.mime, page.width, page.height) == (1, "image/png", 40, 30)
    assert page.sha256 == load_image(data).sha256


def test_every_page_of_a_tiff_is_a_page():
    pages = list(read_pages(tiff("red", "blue", "green")))
    assert [page.number for page in pages] == [1, 2, 3]
    assert [page.width for page in pages] == [40, 50, 60]
    colours = [load_image(page.data).pixels.getpixel((5, 5)) for page in pages]
    assert colours == [(255, 0, 0), (0, 0, 255), (0, 128, 0)]


def test_a_damaged_page_of_a_tiff_is_a_corrupt_image():
    """The tag of the second page's width becomes one that nobody knows."""
    data = bytearray(tiff("red", "blue"))
    at = data.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00")
    data[at : at + 2] = b"\xff\xfe"
    with open_pages(bytes(data)) as pages:
        assert pages.read(1).number == 1
        with pytest.raises(CorruptImage, match="page 2 of the image is damaged"):
            pages.read(2)


def test_every_frame_of_an_animation_is_a_page():
    frames = [Image.new("RGB", (20, 20), (60 * i, 0, 0)) for i in range(4)]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    pages = list(read_pages(out.getvalue()))
    assert [(page.number, page.total) for page in pages] == [(n, 4) for n in (1, 2, 3, 4)]
    assert len({page.sha256 for page in pages}) == 4


def test_a_source_that_is_no_image_is_refused_when_it_is_opened():
    with pytest.raises(UnsupportedFormat):
        open_pages(b"just some words, and no image")
    with pytest.raises(CorruptImage):
        open_pages(png()[:60])


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_page_that_is_not_there_is_a_bad_option(number):
    with open_pages(png()) as pages, pytest.raises(BadOptions, match="Pages are 1 to 1"):
        pages.read(number)


@pytest.mark.parametrize("edge", [0, -1, 10**9])
def test_a_size_that_is_none_is_a_bad_option(edge):
    with pytest.raises(BadOptions, match="longest_edge"):
        open_pages(png(), longest_edge=edge)
