"""Pages of PDF documents, rendered by PDFium.

PDFium trusts its input too much. Bounded here are the size of the file, the number of pages, the
size at which a page is rendered and each deflated part; not bounded are how much a page draws and
how long that takes. Render documents of strangers in a process with limits of its own.
"""

from __future__ import annotations

import re
import threading
import zlib
from contextlib import closing
from typing import Any

from PIL import Image

from ..errors import BackendUnavailable, BadEncoding, CorruptImage, ImageTooLarge, PasswordRequired
from ..images import EncodedImage, ImagePolicy
from ..images.formats import is_image
from .page import Page, Pages, as_page

_PDF_HEADER = b"%PDF-"
_HEADER_WITHIN = 1024  # ISO 32000-1, annex H, note 13
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD
_STREAM = re.compile(rb"stream\r?\n")  # a look-behind here would take five times as long
_DEFLATED_AT_ONCE, _INFLATED_AT_ONCE = 1 << 16, 1 << 20
_PDFIUM = threading.RLock()
"""PDFium is not thread-safe: hold this while calling it."""


def is_pdf(data: bytes) -> bool:
    """Whether a file is a PDF document, and not an image with one inside."""
    return _PDF_HEADER in data[:_HEADER_WITHIN] and not is_image(data)


def pdf_pages(
    encoded: EncodedImage, policy: ImagePolicy, password: str | None, longest_edge: int
) -> Pages:
    """Open a document; see `open_pages`."""
    if encoded.mime not in (None, "application/pdf"):
        raise BadEncoding(
            f"{encoded.name} claims to be {encoded.mime!r} but holds a PDF document",
            "Declare it as application/pdf.",
        )
    pdfium = _import_pdfium()
    _check_inflated(encoded, policy)
    with _PDFIUM:
        try:
            document = pdfium.PdfDocument(encoded.data, password=password)
            document.init_forms()
            total = len(document)
        except pdfium.PdfiumError as error:
            if error.err_code == _PASSWORD_NEEDED:
                what = "is encrypted" if password is None else "does not open with that password"
                raise PasswordRequired(
                    f"{encoded.name} {what}", "Pass the document's password."
                ) from error
            raise CorruptImage(
                f"{encoded.name} is a damaged PDF document ({error})", "Save the document again."
            ) from error

    def read(number: int) -> Page:
        with _PDFIUM:
            try:
                pixels = _render(document, number - 1, longest_edge)
            except (pdfium.PdfiumError, MemoryError) as error:
                raise CorruptImage(
                    f"page {number} of {encoded.name} cannot be rendered ({error})",
                    "Save the document again, or leave the page out.",
                ) from error
        return as_page(number, total, pixels)

    def close() -> None:
        with _PDFIUM:
            document.close()

    return Pages(total, read, close)


def _render(document: Any, index: int, longest_edge: int) -> Image.Image:
    with closing(document[index]) as page:
        scale = longest_edge / max(page.get_size())
        with closing(page.render(scale=scale, rev_byteorder=True)) as bitmap:
            return bitmap.to_pil().convert("RGB").copy()  # the buffer is PDFium's own


def _check_inflated(encoded: EncodedImage, policy: ImagePolicy) -> None:
    """Refuse a document with a deflated part that is larger than any accepted image.

    PDFium would inflate it whole. Parts that are encrypted or deflated twice are not checked.
    """
    limit = policy.max_pixels * 4
    for found in _STREAM.finditer(encoded.data):
        if encoded.data[max(0, found.start() - 3) : found.start()] == b"end":
            continue
        if _inflates_to_more(encoded.data, found.end(), limit):
            raise ImageTooLarge(
                f"{encoded.name} has a part that inflates to more than {limit:,} bytes",
                "Save the document again, or raise ImagePolicy.max_pixels.",
            )


def _inflates_to_more(data: bytes, start: int, limit: int) -> bool:
    """Whether the data at `start` inflates to more; False for data that is not deflated."""
    inflater, size = zlib.decompressobj(), 0
    try:
        for place in range(start, len(data), _DEFLATED_AT_ONCE):
            piece = data[place : place + _DEFLATED_AT_ONCE]
            while piece and size <= limit and not inflater.eof:
                size += len(inflater.decompress(piece, _INFLATED_AT_ONCE))
                piece = inflater.unconsumed_tail
            if inflater.eof or size > limit:
                break
    except zlib.error:
        return False  # something else, or damaged: PDFium deals with it
    return size > limit


def _import_pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise BackendUnavailable(
            "reading PDF documents needs pypdfium2, which is not installed",
            "Run: pip install 'smolvlm-tools[pdf]'",
        ) from error
    return pypdfium2
