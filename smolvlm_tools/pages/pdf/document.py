"""A PDF document as pages."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from ...errors import BadEncoding, BadOptions, CorruptImage, PasswordRequired
from ...images import EncodedImage, ImagePolicy
from ...images.formats import is_image
from ..content import Picture, TextLayer
from ..page import Page, Pages, as_page
from .frame import Frame, is_finite
from .inflation import check_inflated
from .library import PDFIUM, import_pdfium
from .pictures import pictures_of
from .rendering import render_page
from .text import read_layer

_PDF_HEADER = b"%PDF-"
_HEADER_WITHIN = 1024  # ISO 32000-1, annex H, note 13
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD


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
    pdfium = import_pdfium()
    check_inflated(encoded, policy)
    with PDFIUM:
        try:
            document = pdfium.PdfDocument(encoded.data, password=password)
            document.init_forms()
            file = _File(document, encoded.name, policy, longest_edge)
        except pdfium.PdfiumError as error:
            if error.err_code == _PASSWORD_NEEDED:
                what = "is encrypted" if password is None else "does not open with that password"
                raise PasswordRequired(
                    f"{encoded.name} {what}", "Pass the document's password."
                ) from error
            raise CorruptImage(
                f"{encoded.name} is a damaged PDF document ({error})", "Save the document again."
            ) from error
    return Pages(file.total, file.read, file.close, text=file.text, pictures=file.pictures)


class _File:
    """An open document; every call holds PDFium's lock and closes the page it opened."""

    def __init__(self, document: Any, name: str, policy: ImagePolicy, longest_edge: int) -> None:
        self._document, self._name = document, name
        self._policy, self._longest_edge = policy, longest_edge
        self.total = len(document)

    def read(self, number: int) -> Page:
        with self._page(number, "rendered") as page:
            pixels = render_page(page, self._longest_edge)
        return as_page(number, self.total, pixels)

    def text(self, number: int) -> TextLayer:
        with self._page(number, "read") as page:
            return read_layer(page)

    def pictures(self, number: int) -> Sequence[Picture]:
        with self._page(number, "read") as page:
            name = f"page {number} of {self._name}"
            return pictures_of(page, self._policy, self._longest_edge, name)

    def close(self) -> None:
        with PDFIUM:
            document, self._document = self._document, None
            if document is not None:
                document.close()

    @contextmanager
    def _page(self, number: int, done: str) -> Generator[Any]:
        error_type = import_pdfium().PdfiumError
        name = f"page {number} of {self._name}"
        remedy = "Save the document again, or leave the page out."
        with PDFIUM:
            if self._document is None:
                raise BadOptions(f"{self._name} is closed", "Read its pages before you close it.")
            try:
                with closing(self._document[number - 1]) as page:
                    fault = _fault_of(page)
                    if fault:
                        raise CorruptImage(f"{name} cannot be {done} ({fault})", remedy)
                    yield page
            except (error_type, MemoryError) as error:
                raise CorruptImage(f"{name} cannot be {done} ({error})", remedy) from error


def _fault_of(page: Any) -> str:
    """Why a page has no pixels; "" where it has."""
    width, height = page.get_size()
    box = Frame.of(page).box
    if not is_finite((width, height, *box)):
        return "its size is beyond all numbers"
    return (
        "" if min(width, height, box.width, box.height) > 0 else "its crop box leaves nothing of it"
    )
