"""PDF documents of odd boxes, matrices and bytes: pages or typed errors, and nothing else."""

from __future__ import annotations

import time
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smolvlm_tools import ImagePolicy, ImageTooLarge, InputError
from smolvlm_tools.images import EncodedImage
from smolvlm_tools.pages import open_pages
from smolvlm_tools.pages.pdf.inflation import check_inflated
from smolvlm_tools.pages.pdf.text import clean
from tests.support.documents import pdf_only
from tests.support.hostile_documents import many_stream_headers
from tests.support.pdf_pages import draw, image, lines, page

HALF = image(4, 4, b"\xee\x00\x00")
NUMBERS = st.one_of(
    st.sampled_from([0.0, -1.0, 612.0, 1e-9, 1e9, 3.4e38, -3.4e38, 1e300]),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
BOXES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def read_all(data: bytes) -> None:
    """Whatever a page can be asked."""
    try:
        pages = open_pages(data, longest_edge=64)
    except InputError as error:
        assert error.remedy
        return
    with pages:
        for ask in (pages.read, pages.text, pages.pictures):
            try:
                ask(1)
            except InputError as error:
                assert error.remedy


def written(numbers: tuple[float, ...]) -> bytes:
    return " ".join(f"{number:f}" for number in numbers).encode()


@pdf_only
@settings(max_examples=60, deadline=None)
@given(BOXES, BOXES, st.sampled_from([b"", b"/Rotate 90", b"/Rotate 180", b"/Rotate 7"]))
@example((0, 0, 612, 792), (700, 900, 800, 1000), b"")
@example((0, 0, 612, 792), (612, 0, 700, 792), b"")
@example((0, 0, 1e-9, 792), (0, 0, 1e-9, 1), b"/Rotate 90")
@example((0, 0, 0, 0), (0, 0, 0, 0), b"")
def test_any_boxes_give_a_page_or_a_typed_error(
    media: tuple[float, ...], crop: tuple[float, ...], entries: bytes
) -> None:
    content = lines("Some text") + draw(b"X0", 100, 400, 200, 100)
    more = b"/CropBox[%s]%s" % (written(crop), entries)
    read_all(page(content, xobjects=[HALF], entries=more, box=written(media)))


@pdf_only
@settings(max_examples=60, deadline=None)
@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_any_matrix_of_an_image_gives_a_page_or_a_typed_error(matrix: tuple[float, ...]) -> None:
    read_all(page(b"q %s cm /X0 Do Q" % written(matrix) + lines("Some text"), xobjects=[HALF]))


@pdf_only
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=6)), max_size=8),
    st.integers(0, 10**6),
)
def test_a_damaged_document_is_pages_or_a_typed_error(
    edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(page(lines("Some text") + draw(b"X0", 9, 9, 200, 100), xobjects=[HALF]))
    for at, piece in edits:
        at %= len(data)
        data[at : at + len(piece)] = piece
    read_all(bytes(data))
    read_all(bytes(data[: cut % len(data)]))


@pytest.mark.parametrize(
    "data",
    [
        many_stream_headers(4_000_000),
        b"stream\n" * 700_000,
        b"stream\r" * 700_000,
        b"endstream\n" * 500_000,
        b"stream\nx\x9c" * 500_000,
        (b"stream\n" + zlib.compress(b"")) * 300_000,
        b"\r" * 5_000_000,
    ],
    ids=["inflating to all that follows", "starts", "cut starts", "ends", "broken", "empty", "CR"],
)
def test_starts_of_streams_are_read_in_linear_time(data: bytes) -> None:
    began = time.process_time()
    try:
        check_inflated(EncodedImage(data, "it"), ImagePolicy())
    except ImageTooLarge as error:
        assert error.remedy
    assert time.process_time() - began < 8


@given(st.lists(st.sampled_from([b"stream\n", b"stream\r\n", b"end", zlib.compress(b"a" * 99)])))
def test_any_order_of_parts_is_accepted_or_refused(parts: list[bytes]) -> None:
    for limit in (1, 1_000):
        try:
            check_inflated(EncodedImage(b"".join(parts), "it"), ImagePolicy(max_pixels=limit))
        except ImageTooLarge as error:
            assert error.remedy


@given(st.text())
def test_text_of_a_page_has_no_line_ends_but_line_feeds(text: str) -> None:
    assert "\r" not in clean(text)
