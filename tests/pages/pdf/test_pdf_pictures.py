"""The pictures of a PDF page: where they stand, what they show, which images are one picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from smolvlm_tools import ImagePolicy, ImageTooLarge, load_image
from smolvlm_tools.pages import Picture, open_pages
from tests.support.documents import pdf_only, png
from tests.support.pdf_pages import draw, form, image, lines, page

pytestmark = pdf_only
RED, BLUE = image(64, 64), image(64, 64, b"\0\0\xff")
HALVES = image(64, 64, pixels=(b"\xff\0\0" * 64) * 32 + (b"\0\0\xff" * 64) * 32)
"""Red above blue."""


def pictures(content: bytes, *xobjects: bytes, limits: ImagePolicy | None = None,
             entries: bytes = b"", longest_edge: int = 2048) -> Sequence[Picture]:  # fmt: skip
    data = page(content, xobjects=xobjects, entries=entries)
    with open_pages(data, limits, longest_edge=longest_edge) as pages:
        return pages.pictures(1)


def pixel(picture: Picture, x: float, y: float) -> tuple[int, ...]:
    pixels = load_image(picture.data).pixels
    found = pixels.getpixel((int(x * picture.width), int(y * picture.height)))
    assert isinstance(found, tuple)
    return found


def test_a_picture_has_a_place_and_its_pixels():
    [found] = pictures(draw(b"X0", 61.2, 396, 306, 198), HALVES)
    assert found.number == 1
    assert found.bbox == pytest.approx((0.1, 0.25, 0.6, 0.5), abs=1e-4)
    assert found.mime == "image/png"
    assert found.sha256 == hashlib.sha256(found.data).hexdigest()
    assert load_image(found.data).size == (found.width, found.height)
    assert (pixel(found, 0.5, 0.2), pixel(found, 0.5, 0.8)) == ((255, 0, 0), (0, 0, 255))


def test_pictures_keep_the_order_in_which_they_are_drawn():
    small, large = draw(b"X0", 300, 100, 100, 100), draw(b"X1", 50, 400, 200, 200)
    found = pictures(small + large, RED, BLUE)
    assert [picture.number for picture in found] == [1, 2]
    assert [pixel(picture, 0.5, 0.5) for picture in found] == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize(
    ("turn", "bbox", "red"),
    [
        (0, (0.1, 0.25, 0.6, 0.5), (0.5, 0.1)),
        (90, (0.5, 0.1, 0.75, 0.6), (0.9, 0.5)),
        (180, (0.4, 0.5, 0.9, 0.75), (0.5, 0.9)),
        (270, (0.25, 0.4, 0.5, 0.9), (0.1, 0.5)),
    ],
)
def test_boxes_and_pixels_are_those_of_the_upright_page(turn, bbox, red):
    [found] = pictures(draw(b"X0", 61.2, 396, 306, 198), HALVES, entries=b"/Rotate %d" % turn)
    assert found.bbox == pytest.approx(bbox, abs=1e-4)
    assert pixel(found, *red) == (255, 0, 0)


def test_boxes_are_fractions_of_the_crop_box():
    [found] = pictures(
        draw(b"X0", 100, 400, 200, 100), HALVES, entries=b"/CropBox[100 300 500 700]"
    )
    assert found.bbox == pytest.approx((0, 0.5, 0.5, 0.75), abs=1e-4)
    assert pixel(found, 0.5, 0.1) == (255, 0, 0)


def test_what_lies_beyond_the_page_or_a_clip_is_cut_off():
    [off] = pictures(draw(b"X0", 459, 396, 306, 198), RED)
    assert off.bbox == pytest.approx((0.75, 0.25, 1, 0.5), abs=1e-4)
    [clipped] = pictures(
        b"q 61.2 396 153 198 re W n " + draw(b"X0", 61.2, 396, 306, 198) + b"Q", RED
    )
    assert clipped.bbox == pytest.approx((0.1, 0.25, 0.35, 0.5), abs=1e-3)
    assert pictures(draw(b"X0", 700, 396, 306, 198), RED) == ()


def test_pictures_in_forms_within_forms_stand_where_they_are_drawn():
    inner = form(draw(b"I", 10, 20, 100, 100), b"/Matrix[2 0 0 2 0 0]", b"/XObject<</I 7 0 R>>")
    outer = form(b"q 1 0 0 1 50 60 cm /N Do Q", b"", b"/XObject<</N 6 0 R>>")
    [found] = pictures(b"q 1 0 0 1 5 5 cm /X0 Do Q", outer, inner, HALVES)
    left, bottom = 5 + 50 + 20, 5 + 60 + 40
    expected = (left / 612, 1 - (bottom + 200) / 792, (left + 200) / 612, 1 - bottom / 792)
    assert found.bbox == pytest.approx(expected, abs=1e-4)
    assert pixel(found, 0.5, 0.1) == (255, 0, 0)


def test_labels_over_a_picture_are_part_of_it():
    label = b"0 1 0 rg 150 450 50 50 re f "
    [found] = pictures(draw(b"X0", 100, 400, 200, 200) + label, RED)
    assert pixel(found, 0.37, 0.63) == (0, 255, 0)


@pytest.mark.parametrize(
    "content",
    [
        draw(b"X0", 0, 0, 612, 792),
        draw(b"X0", 20, 20, 572, 740),
        b"".join(draw(b"X0", 0, y, 612, 79.2) for y in range(0, 792, 79)),
        draw(b"X0", 100, 100, 20, 20),
        draw(b"X1", 100, 100, 300, 300),
        b"",
    ],
    ids=["a scan", "a scan with margins", "a scan in strips", "an icon", "few pixels", "nothing"],
)
def test_scans_icons_and_rules_are_no_pictures(content):
    assert pictures(content, RED, image(20, 20)) == ()


def test_strips_and_tiles_of_one_image_are_one_picture():
    strips = b"".join(draw(b"X0", 100, 300 + 20 * n, 200, 20) for n in range(10))
    [found] = pictures(strips, image(640, 64))
    assert found.bbox == pytest.approx((100 / 612, 292 / 792, 300 / 612, 492 / 792), abs=1e-4)
    tiles = b"".join(
        draw(b"X0", 100 + 50 * x, 300 + 50.2 * y, 50, 50)
        for x in (2, 0, 3, 1)
        for y in (3, 1, 0, 2)
    )
    assert len(pictures(tiles, RED)) == 1


def test_images_that_overlap_are_one_picture_and_neighbours_are_two():
    one = draw(b"X0", 100, 300, 200, 200)
    assert len(pictures(one + draw(b"X1", 200, 350, 200, 200), RED, BLUE)) == 1
    assert len(pictures(one + draw(b"X1", 310, 300, 200, 200), RED, BLUE)) == 2
    assert len(pictures(one + draw(b"X1", 300, 250, 200, 200), RED, BLUE)) == 2


def test_a_page_keeps_its_32_largest_pictures():
    many = b"".join(
        draw(b"X0", 10 + 75 * (n % 8), 20 + 100 * (n // 8), 70 + n / 20, 80) for n in range(48)
    )
    found = pictures(many, RED, longest_edge=64)
    assert len(found) == 32
    assert [picture.number for picture in found] == list(range(1, 33))
    assert found[0].bbox[3] < 0.8  # the two lowest rows have the smallest


def test_pictures_have_no_more_pixels_than_are_stored_or_allowed():
    [found] = pictures(draw(b"X0", 100, 300, 400, 400), RED)
    assert max(found.width, found.height) <= 66
    large = image(600, 600)
    [found] = pictures(draw(b"X0", 100, 300, 400, 400), large, longest_edge=100)
    assert max(found.width, found.height) <= 102
    [found] = pictures(
        draw(b"X0", 100, 300, 400, 400), large, limits=ImagePolicy(max_pixels=400_000)
    )
    assert load_image(found.data).size == (found.width, found.height)


def test_a_picture_that_declares_too_many_pixels_is_refused_before_it_is_decoded():
    huge = image(1, 1).replace(b"/Width 1/Height 1", b"/Width 60000/Height 60000")
    with pytest.raises(ImageTooLarge, match="60000 x 60000 pixels"):
        pictures(draw(b"X0", 100, 300, 400, 400), huge)
    assert pictures(draw(b"X0", 0, 0, 612, 792), huge) == ()  # a scan: nothing to render


@pytest.mark.parametrize(
    "matrix",
    [b"0 0 0 0 0 0", b"1e38 0 0 1e38 0 0", b"1e-30 0 0 1e-30 100 100", b"300 300 300 300 0 0"],
)
def test_absurd_matrices_make_no_picture_and_no_error(matrix):
    assert pictures(b"q %s cm /X0 Do Q" % matrix, RED) == ()


def test_a_turned_picture_is_shown_as_the_page_shows_it():
    [found] = pictures(b"q 0 200 -200 0 400 300 cm /X0 Do Q", HALVES)
    assert (pixel(found, 0.1, 0.5), pixel(found, 0.9, 0.5)) == ((255, 0, 0), (0, 0, 255))


def test_images_and_text_pages_have_no_pictures():
    assert pictures(lines("only text")) == ()
    with open_pages(png()) as pages:
        assert pages.pictures(1) == ()
