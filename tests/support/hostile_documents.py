"""PDF documents that cost far more than their size: made on the fly, for limits to be tested on."""

from __future__ import annotations

import zlib

from tests.support.documents import LETTER, pdf, stream


def _document(resources: bytes, contents: bytes, *more: bytes) -> bytes:
    """A document of one page; `more` are the objects from 4 on."""
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources<<%s>>/Contents %s>>"
        % (LETTER, resources, contents),
        *more,
    )


def self_drawing_form() -> bytes:
    """A form that draws itself nine times: memory without end from 800 bytes."""
    form = b"/Type/XObject/Subtype/Form/BBox[%s]/Resources<</XObject<</F 5 0 R>>>>" % LETTER
    return _document(
        b"/XObject<</F 5 0 R>>", b"4 0 R", stream(b"/F Do"), stream(b"/F Do " * 9, form)
    )


def stream_drawn_often(times: int = 300, size: int = 120_000_000) -> bytes:
    """A stream that inflates to `size` bytes and is the page's content again and again."""
    drawing = b"0 0 1 1 re f "
    deflated = zlib.compress(drawing * (size // len(drawing)), 9)
    return _document(b"", b"[%s]" % (b"4 0 R " * times), stream(deflated, b"/Filter/FlateDecode"))


def many_stream_headers(size: int = 1_600_000) -> bytes:
    """Starts of streams, each of which inflates to all that follows: time by the size squared.

    A stored block of deflate is 65,535 bytes and a header of 5, which 20 bytes divide: each block
    ends where another one begins.
    """
    start = b"stream\n" + b"x\x01" + b"\x00\xff\xff\x00\x00" + b"      "
    assert len(start) == 20 and (65_535 + 5) % 20 == 0
    return _document(b"", b"4 0 R", stream(start * (size // 20)))


def slow_page(fills: int = 1_000, before: int = 0, after: int = 0) -> bytes:
    """A page whose every fill is blended with those before it, and empty pages around it.

    Time by the square of `fills` (10 take about 3 s), and no memory.
    """
    total, first = before + 1 + after, 4
    kids = b" ".join(b"%d 0 R" % (first + index) for index in range(total))
    empty = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % LETTER
    slow = empty[:-2] + b"/Resources<</ExtGState<</G<</BM/Luminosity/ca .5>>>>>>/Contents 3 0 R>>"
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, total),
        stream(b"/G gs " + b"0 0 612 792 re f " * fills),
        *[empty] * before,
        slow,
        *[empty] * after,
    )
