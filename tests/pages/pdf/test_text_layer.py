"""The text layer of a page, and what it is said to be worth."""

from __future__ import annotations

import pytest

from smolvlm_tools import BadOptions, CorruptImage
from smolvlm_tools.pages import TextLayer, open_pages
from tests.support.documents import document, pdf_only, png
from tests.support.pdf_pages import draw, image, lines, page, written
from tests.support.sound_texts import PROSE

pytestmark = pdf_only
ENGLISH = PROSE["English"]
LATIN = "\n".join(PROSE[name] for name in ("English", "German", "Polish"))
WHOLE_PAGE = draw(b"X0", 0, 0, 612, 792)


def layer(data: bytes) -> TextLayer:
    with open_pages(data) as pages:
        found = pages.text(1)
    assert found is not None
    return found


def test_the_text_of_a_page_is_its_layer():
    found = layer(page(lines("The first line.\nThe second line.")))
    assert found == TextLayer("The first line.\nThe second line.", "digital")
    assert found.is_sound


def test_a_page_without_text_has_none():
    assert layer(document()) == TextLayer("", "none")
    assert layer(page(lines("   "))) == TextLayer("", "none")
    assert not layer(document()).is_sound


def test_an_image_has_no_layer():
    with open_pages(png()) as pages:
        assert pages.text(1) is None


@pytest.mark.parametrize("name", ["English", "Polish", "Russian", "Greek", "Korean", "Chinese"])
def test_sound_fonts_give_sound_layers(name):
    found = layer(written(PROSE[name], means=str))
    assert found.kind == "digital"
    assert "".join(found.text.split()) == "".join(PROSE[name].split())


def test_letters_beyond_the_first_plane_are_whole():
    assert "𝑥" in layer(written(ENGLISH + " 𝑥", means=str)).text


BROKEN = {
    "shifted letters": lambda char: chr(ord(char) + 3) if char.isalpha() else char,
    "replacement characters": lambda char: "\ufffd",
    "private use": lambda char: chr(0xF000 + ord(char) % 256),
    "cid numbers": lambda char: f"(cid:{ord(char)})",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_font_with_a_broken_table_is_garbage(name):
    found = layer(written(LATIN, means=BROKEN[name]))
    assert found.kind == "garbage"
    assert not found.is_sound


def test_a_font_without_a_table_is_garbage():
    found = layer(written(LATIN, code=lambda char: max(3, ord(char) - 29)))
    assert found.kind == "garbage"
    assert "KXPDQ" in found.text  # "human", 29 lower


def test_glyph_numbers_beyond_ascii_are_garbage():
    assert layer(written(PROSE["Russian"], code=lambda char: ord(char) - 500)).kind == "garbage"


def test_unsafe_characters_and_division_marks_are_left_out():
    text = "Pay the amount of 100 to the bank as agreed between the two parties@. #"
    signs = {"@": "\u202e", "#": "\x1b"}
    found = layer(written(text, means=lambda char: signs.get(char, char)))
    assert found.text == "Pay the amount of 100 to the bank as agreed between the two parties. "


def test_words_divided_at_the_end_of_a_line_are_whole():
    found = layer(page(lines("A sentence about the appli-\ncation of reading.")))
    assert found.text == "A sentence about the application of reading."


@pytest.mark.parametrize("setting", [b"3 Tr", b"7 Tr", b"/Clear gs"])
def test_invisible_text_over_a_scan_is_ocr(setting):
    scan = image(200, 260, b"\xee\xee\xee")
    found = layer(page(WHOLE_PAGE + lines(LATIN.replace("ą", "a").encode("latin-1", "ignore")
                       .decode("latin-1"), setting), xobjects=[scan]))  # fmt: skip
    assert (found.kind, found.has_hidden) == ("ocr", True)
    assert "human beings" in found.text


def test_text_beneath_a_scan_is_ocr():
    scan = image(200, 260, b"\xee\xee\xee")
    assert layer(page(lines(ENGLISH) + WHOLE_PAGE, xobjects=[scan])).kind == "ocr"


def test_a_stamp_on_a_scan_is_none():
    stamp = "Downloaded from an archive on 1 May. Page 7"
    scan = image(200, 260, b"\xee\xee\xee")
    found = layer(page(WHOLE_PAGE + lines(stamp), xobjects=[scan]))
    assert found == TextLayer(stamp, "none")


def test_a_long_text_on_a_background_is_digital():
    background = image(200, 260, b"\xee\xee\xee")
    text = "\n".join([ENGLISH[:80], ENGLISH[80:]] * 3)
    assert layer(page(WHOLE_PAGE + lines(text), xobjects=[background])).kind == "digital"


def test_a_page_number_beside_letters_drawn_as_outlines_is_none():
    outlines = b"".join(
        b"%d %d 5 7 re f\n" % (50 + n % 50 * 6, 700 - n // 50 * 9) for n in range(300)
    )
    assert layer(page(outlines + lines("12"))).kind == "none"
    assert layer(page(lines("12"))).kind == "digital"


def test_a_page_that_cannot_be_read_is_a_corrupt_image():
    data = page(lines("text"), entries=b"/CropBox[700 900 800 1000]")
    with open_pages(data) as pages:
        for read in (pages.text, pages.pictures, pages.read):
            with pytest.raises(CorruptImage, match="crop box leaves nothing of it"):
                read(1)


def test_a_closed_document_says_so():
    pages = open_pages(page(lines("text")))
    pages.close()
    for read in (pages.text, pages.pictures, pages.read):
        with pytest.raises(BadOptions, match="is closed"):
            read(1)
