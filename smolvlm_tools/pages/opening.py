"""Tells images and documents apart, and opens their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

from PIL.TiffImagePlugin import TiffImageFile

from ..errors import BadOptions, CorruptImage, ImageTooLarge
from ..images import EncodedImage, ImagePolicy, ImageSource, decode_image, read_image
from ..images.colour import picture_to_rgb
from .page import Page, Pages, as_page
from .pdf import is_pdf, pdf_pages

LONGEST_EDGE = 2048
"""Pixels along the longer side of a rendered page: as many as SmolVLM's finest grid has."""

MAX_PAGES = 1_000


def open_pages(
    source: ImageSource,
    policy: ImagePolicy | None = None,
    *,
    password: str | None = None,
    longest_edge: int = LONGEST_EDGE,
    max_pages: int = MAX_PAGES,
) -> Pages:
    """Open an image, or a PDF or TIFF file with many pages.

    Args:
        source: a path, URL, data URI, base64 text, bytes or a binary file object.
        policy: limits and permissions; `ImagePolicy()` when None. Its `max_bytes` applies to the
            whole file, `max_pixels` to a page.
        password: of an encrypted PDF file.
        longest_edge: pixels along the longer side of a rendered PDF page, whatever size it states.
        max_pages: documents with more are refused.

    Raises:
        InputError: see `load_image`; CorruptImage for a damaged document, ImageTooLarge for one
            with too many pages or parts that inflate to too much, PasswordRequired.
        BackendUnavailable: pypdfium2 is not installed.
    """
    policy = policy or ImagePolicy()
    if not 1 <= longest_edge <= 16_384:
        raise BadOptions(f"longest_edge={longest_edge} is out of range", "Use 1 to 16384 pixels.")
    encoded = read_image(source, policy)
    if is_pdf(encoded.data):
        pages = pdf_pages(encoded, policy, password, longest_edge)
    else:
        pages = _image_pages(encoded, policy)
    if len(pages) > max_pages:
        pages.close()
        raise ImageTooLarge(
            f"{encoded.name} has {len(pages):,} pages; the limit is {max_pages:,}",
            "Split the document, or raise max_pages.",
        )
    return pages


def read_pages(
    source: ImageSource,
    policy: ImagePolicy | None = None,
    *,
    password: str | None = None,
    longest_edge: int = LONGEST_EDGE,
    max_pages: int = MAX_PAGES,
) -> Iterator[Page]:
    """The pages of `open_pages` one after the other, each rendered when it is reached."""
    with open_pages(
        source, policy, password=password, longest_edge=longest_edge, max_pages=max_pages
    ) as pages:
        yield from pages


def _image_pages(encoded: EncodedImage, policy: ImagePolicy) -> Pages:
    image = decode_image(encoded, policy)
    kind, (width, height) = str(image.format), image.size
    mime = f"image/{kind.lower()}"
    if kind == "TIFF" and image.frames > 1:
        return Pages(image.frames, _tiff_reader(encoded, policy, image.frames))
    page = Page(1, 1, encoded.data, mime, image.sha256, width, height, image.frames)
    return Pages(1, lambda number: page)


def _tiff_reader(encoded: EncodedImage, policy: ImagePolicy, total: int) -> Callable[[int], Page]:
    def read(number: int) -> Page:
        name = f"page {number} of {encoded.name}"
        try:
            file = TiffImageFile(BytesIO(encoded.data))
            file.seek(number - 1)
        except Exception as error:  # Pillow's readers raise whatever the damage led to
            raise CorruptImage(f"{name} is damaged ({error})", "Save the file again.") from error
        return as_page(number, total, picture_to_rgb(file, policy, name))

    return read
