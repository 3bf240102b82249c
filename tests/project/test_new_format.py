"""A new image or document format takes one entry in one registry: each test adds a toy one."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PpmImagePlugin import PpmImageFile

from smolvlm_tools.errors import BadEncoding, CorruptImage, UnsupportedFormat
from smolvlm_tools.images import EncodedImage, ImagePolicy, load_image
from smolvlm_tools.images.formats import FORMATS, ImageFormat
from smolvlm_tools.pages import Page, Pages, opening, read_pages
from smolvlm_tools.pages.opening import PageSource
from smolvlm_tools.pages.page import as_page

PPM = b"P6\n3 2\n255\n" + bytes(range(18))
TOY = b"TOY\n\xff\x00\x00\n\x00\xff\x00"


@pytest.fixture
def ppm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        FORMATS, "PPM", ImageFormat(PpmImageFile, (b"P6\n",), ("image/x-portable-pixmap",))
    )


def test_without_its_entry_the_format_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="GIF, BMP or TIFF image"):
        load_image(PPM)


@pytest.mark.usefixtures("ppm")
def test_an_image_format_is_an_entry(tmp_path: Path) -> None:
    (tmp_path / "image.ppm").write_bytes(PPM)
    text = base64.b64encode(PPM).decode()
    for source in (
        PPM,
        BytesIO(PPM),
        tmp_path / "image.ppm",
        text,
        f"data:image/x-portable-pixmap;base64,{text}",
    ):
        image = load_image(source)
        assert (image.format, image.size, image.frames) == ("PPM", (3, 2), 1)
        assert image.pixels.tobytes() == bytes(range(18))


@pytest.mark.usefixtures("ppm")
def test_its_errors_follow_from_the_entry() -> None:
    with pytest.raises(UnsupportedFormat, match="BMP, TIFF or PPM image"):
        load_image(b"no image at all")
    with pytest.raises(CorruptImage, match="ends after 2 bytes"):
        load_image(b"P6")
    with pytest.raises(CorruptImage, match="damaged PPM file"):
        load_image(b"P6\nx")
    text = base64.b64encode(PPM).decode()
    with pytest.raises(BadEncoding, match=r"holds a PPM image.*image/x-portable-pixmap"):
        load_image(f"data:image/png;base64,{text}")


@pytest.mark.usefixtures("ppm")
def test_an_image_of_it_is_a_page() -> None:
    (page,) = read_pages(PPM)
    assert (page.mime, page.width, page.height) == ("image/x-portable-pixmap", 3, 2)


def test_a_document_format_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_toy(
        encoded: EncodedImage, policy: ImagePolicy, password: str | None, longest_edge: int
    ) -> Pages:
        colours = [tuple(line) for line in encoded.data.split(b"\n")[1:]]

        def read(number: int) -> Page:
            pixels = Image.new("RGB", (longest_edge, 1), colours[number - 1])
            return as_page(number, len(colours), pixels)

        return Pages(len(colours), read)

    def is_toy(data: bytes) -> bool:
        return data.startswith(b"TOY\n")

    toy = PageSource(is_toy, open_toy)
    monkeypatch.setattr(opening, "SOURCES", [*opening.SOURCES, toy])
    pages = list(read_pages(TOY, longest_edge=5))
    assert [(page.number, page.total, page.width) for page in pages] == [(1, 2, 5), (2, 2, 5)]
    assert load_image(pages[1].data).pixels.getpixel((4, 0)) == (0, 255, 0)
