"""Text layers of real documents equal PDFium's, in reading order."""

from __future__ import annotations

from contextlib import closing

import pytest

from smolvlm_tools.pages import open_pages
from tests.support.documents import pdf_only
from tests.support.paths import REAL, real_only

pytestmark = [pdf_only, real_only]


def pdfium_texts(name: str) -> list[str]:
    import pypdfium2

    found = []
    with closing(pypdfium2.PdfDocument(REAL / name)) as document:
        for index in range(len(document)):
            with closing(document[index]) as page, closing(page.get_textpage()) as text:
                found.append(text.get_text_range())
    return found


BORN_DIGITAL = [
    "DA-1p.pdf",
    "amt_handbook_sample.pdf",
    "embedded-images-tables.pdf",
    "layout-parser-paper-fast.pdf",
    "multi_page.pdf",
    "picture_classification.pdf",
]


@pytest.mark.parametrize("name", BORN_DIGITAL)
def test_born_digital_pages_are_sound_and_equal_pdfium(name):
    with open_pages(REAL / name) as pages:
        for number, expected in enumerate(pdfium_texts(name), 1):
            layer = pages.text(number)
            assert layer is not None
            assert layer.is_sound
            assert not layer.has_hidden
            assert layer.text == expected.replace("\r\n", "\n").replace("\ufffe", "")


@pytest.mark.parametrize("name", ["ocr_test.pdf", "ocr_test_rotated_90.pdf", "no_contents.pdf"])
def test_scans_and_empty_pages_have_no_layer_and_no_picture(name):
    with open_pages(REAL / name) as pages:
        layer = pages.text(1)
        assert layer is not None
        assert (layer.text, layer.kind) == ("", "none")
        assert pages.pictures(1) == ()


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        # two columns: sentences of the left one, then where the left one goes on in the right one
        ("amt_handbook_sample.pdf", [
            "Plates must be attached to the structure in a positive manner to eliminate rotation",
            "The wing type that is the most common ranges in size for No. 6 up to 1",
            "The stainless steel self-locking nut may be spun on and off by hand",
        ]),
        ("layout-parser-paper-fast.pdf", [
            "Recent advances in document image analysis (DIA) have been",
        ]),
        ("multi_page.pdf", ["The concept of the word processor predates modern computers"]),
    ],
)  # fmt: skip
def test_sentences_go_on_where_a_reader_goes_on(name, pieces):
    with open_pages(REAL / name) as pages:
        layer = pages.text(1)
    assert layer is not None
    text = " ".join(layer.text.split())
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places
    assert places == sorted(places)


def test_pictures_of_real_pages_stand_where_they_are_seen():
    with open_pages(REAL / "picture_classification.pdf") as pages:
        [first], [second] = pages.pictures(1), pages.pictures(2)
    assert first.bbox == pytest.approx((0.22, 0.381, 0.78, 0.649), abs=0.01)
    assert (first.width, first.height) == pytest.approx((768, 474), abs=2)
    assert second.bbox == pytest.approx((0.36, 0.353, 0.64, 0.642), abs=0.01)
    with open_pages(REAL / "layout-parser-paper-fast.pdf") as pages:
        assert pages.pictures(1) == ()
