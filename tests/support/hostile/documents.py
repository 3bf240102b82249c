"""Documents that are damaged, lie about themselves, or are encrypted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

import numpy as np
from PIL import Image

from smolvlm_tools.errors import CorruptImage, PasswordRequired
from tests.support.documents import LETTER, RED_SQUARE, encrypted, pdf, stream, tiff
from tests.support.documents import document as plain

from .case import ANY, COSTLY, TYPED, WORKS, Case, codes, document

HAS_PDF = find_spec("pypdfium2") is not None
MAYBE = COSTLY | {WORKS}
_BAD = codes(CorruptImage, "unsupported_format", "bad_dimensions", "document_too_costly")


def cases() -> Iterator[Case]:
    if HAS_PDF:
        yield from _pdfs()
        yield from _trees()
        yield from _boxes()
    yield document("TIFF of three pages, the second broken", broken_tiff, ANY, suffix=".tif")
    yield document(
        "TIFF of three pages", partial(tiff, "red", "green", "blue"), WORKS, suffix=".tif"
    )


def sound_pdf() -> bytes:
    return plain(content=RED_SQUARE)


def _pdfs() -> Iterator[Case]:
    sound = sound_pdf()
    yield document("PDF, sound", sound_pdf, WORKS)
    for cut in (9, 60, len(sound) // 2, len(sound) - 30, len(sound) - 6):
        yield document(f"PDF cut at {cut} bytes", lambda cut=cut: sound[:cut], ANY)
    for seed in range(8):
        yield document(f"PDF with flipped bits {seed}", partial(flipped, seed), ANY)
    changes = {
        "only its magic": b"%PDF-1.4\n",
        "of version 99": sound.replace(b"1.4", b"99.9", 1),
        "without its table": sound[: sound.index(b"xref")],
        "whose table is elsewhere": sound.replace(b"startxref\n", b"startxref\n9"),
        "whose table is beyond 2^63": sound.replace(
            b"startxref\n", b"startxref\n9999999999999999999"
        ),
        "that follows itself": _following(sound),
        "without a root": sound.replace(b"/Root 1 0 R", b""),
        "whose root is a page": sound.replace(b"/Root 1 0 R", b"/Root 4 0 R"),
        "of 2^31 objects": sound.replace(b"/Size 5", b"/Size 2147483647"),
        "behind 1,000 bytes": b"x" * 1_000 + sound,
        "behind 5 MB": b"x" * 5_000_000 + sound,
        "before a megabyte": sound + b"\0" * 1_000_000,
        "of spaces, 19 MB": b"%PDF-1.4\n" + b" " * 19_000_000,
        "of starts of objects, 10 MB": b"%PDF-1.4\n" + b"1 0 obj\n" * 1_250_000,
        "of comments, 10 MB": b"%PDF-1.4\n" + b"%\n" * 5_000_000,
        "of trailers, 10 MB": b"%PDF-1.4\n" + b"trailer<</Root 1 0 R>>\n" * 430_000,
        "of streams that never end": b"%PDF-1.4\n1 0 obj<</Length 9>>stream\n" * 100_000,
    }
    for name, data in changes.items():
        yield document(f"PDF {name}", lambda data=data: data, ANY)
    yield document("PDF, encrypted", partial(encrypted, b"secret"), codes(PasswordRequired))
    yield document("PDF, encrypted with no password", partial(encrypted, b""), ANY)
    bad = encrypted(b"secret").replace(b"/R 2", b"/R 999")
    yield document("PDF, encrypted by an unknown way", lambda: bad, TYPED)


def _following(sound: bytes) -> bytes:
    at = sound.index(b"xref\n0")
    return sound.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % at)


def flipped(seed: int) -> bytes:
    data, rng = bytearray(sound_pdf()), np.random.default_rng(seed)
    for at in rng.integers(9, len(data), 10):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _trees() -> Iterator[Case]:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % LETTER
    catalog = b"<</Type/Catalog/Pages 2 0 R>>"
    trees = {
        "kids that are their parent": [b"<</Type/Pages/Kids[2 0 R]/Count 1>>"],
        "kids in a ring": [
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Pages/Kids[2 0 R]/Count 1>>",
        ],
        "count 2*10^9": [b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>", page],
        "count -1": [b"<</Type/Pages/Kids[3 0 R]/Count -1>>", page],
        "count of text": [b"<</Type/Pages/Kids[3 0 R]/Count(many)>>", page],
        "no kids": [b"<</Type/Pages/Kids[]/Count 1>>"],
        "kids that are not there": [b"<</Type/Pages/Kids[99 0 R]/Count 1>>"],
        "the same page a million times": [
            b"<</Type/Pages/Kids[%s]/Count 1000000>>" % (b"3 0 R " * 1_000_000),
            page,
        ],
        "pages of text": [b"(pages)"],
    }
    for name, objects in trees.items():
        yield document(f"PDF: {name}", lambda o=objects: pdf(catalog, *o), ANY)
    yield document("PDF: 3,000 levels of pages", deep_tree, ANY)
    yield document("PDF: 100,000 pages", partial(plain, 100_000), MAYBE)


def deep_tree(levels: int = 3_000) -> bytes:
    inner = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 3) for number in range(levels)]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]>>" % LETTER
    return pdf(b"<</Type/Catalog/Pages 2 0 R>>", *inner, page)


def _boxes() -> Iterator[Case]:
    boxes = {
        "10^6 pt": b"0 0 1000000 1000000",
        "10^38 pt": b"0 0 1" + b"0" * 38 + b" 1" + b"0" * 38,
        "no width": b"0 0 0 792",
        "a negative size": b"612 792 0 0",
        "a strip of 10^6 by 1": b"0 0 1000000 1",
        "a strip of 1 by 10^6": b"0 0 1 1000000",
        "0.0001 pt": b"0 0 0.0001 0.0001",
        "three numbers": b"0 0 612",
        "names": b"/a /b /c /d",
        "NaN": b"0 0 nan inf",
        "a place far away": b"100000000 100000000 100000612 100000792",
    }
    for name, box in boxes.items():
        yield document(f"PDF page of {name}", partial(plain, box=box, content=RED_SQUARE), ANY)
    for name, crop in {"outside": b"9000 9000 9999 9999", "empty": b"5 5 5 5"}.items():
        more = b"%s]/CropBox[%s" % (LETTER, crop)
        yield document(f"PDF page with a CropBox {name}", partial(plain, box=more), ANY)
    for turn in (b"45", b"-90", b"99999999999", b"(x)"):
        more = b"%s]/Rotate %s/X[" % (LETTER, turn)
        yield document(f"PDF page turned by {turn.decode()}", partial(plain, box=more), ANY)
    unit = b"%s]/UserUnit 1000000/X[" % LETTER
    yield document("PDF page in units of 10^6", partial(plain, box=unit), ANY)


def broken_tiff() -> bytes:
    stream_ = io.BytesIO()
    pages = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    pages[0].save(
        stream_, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_deflate"
    )
    data = bytearray(stream_.getvalue())
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\x78\x9c"]
    middle = starts[len(starts) // 2]
    data[middle : middle + 8] = bytes(8)
    return bytes(data)


def with_content(content: bytes, resources: bytes = b"", *more: bytes) -> bytes:
    """A document of one page; `more` are the objects from 5 on."""
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources<<%s>>/Contents 4 0 R>>"
        % (LETTER, resources),
        stream(content),
        *more,
    )
