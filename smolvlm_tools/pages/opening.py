"""Opens the pages of images and documents; a new document format is one entry of `SOURCES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..errors import ImageTooLarge, PagesNeeded
from ..images import (
    EncodedImage,
    ImagePolicy,
    ImageSource,
    KnownImages,
    PolicyLike,
    count_pages,
    read_image,
)
from ..images.encodings import abbreviate
from ..machine.amounts import check_number, check_whole
from ..sandbox.pool import SHARED
from .page import LONGEST_EDGE, LONGEST_RENDERED, MAX_PAGES, Page, Pages
from .pdf import is_pdf, pdf_pages
from .picture import picture_pages
from .selection import PageSelection
from .worker.opening import open_with


class PageSource(NamedTuple):
    """A kind of file that has pages."""

    recognises: Callable[[bytes], bool]
    open: Callable[[EncodedImage, ImagePolicy, str | None, int], Pages]
    """From a file, the policy, the password and the longest edge of a rendered page."""


SOURCES = [PageSource(is_pdf, pdf_pages)]
"""The first that recognises a file opens it; any other file is taken for an image."""


def check_page_limits(longest_edge: int = LONGEST_EDGE, max_pages: int = MAX_PAGES) -> None:
    """Check two arguments of `open_pages`; raises BadOptions."""
    check_whole("max_pages", max_pages)
    check_number("longest_edge", longest_edge, 1, LONGEST_RENDERED)
    check_whole("longest_edge", longest_edge)


def open_pages(
    source: ImageSource,
    policy: PolicyLike | None = None,
    *,
    password: str | None = None,
    longest_edge: int = LONGEST_EDGE,
    max_pages: int = MAX_PAGES,
) -> Pages:
    """Open an image, or a PDF file, TIFF file or animation with many pages.

    Args:
        source: a path, URL, data URI, base64 text, bytes or a binary file object.
        policy: limits and permissions, or their name; "trusted" when None. Its `max_bytes` applies
            to the whole file, `max_pixels` to a page.
        password: of an encrypted PDF file.
        longest_edge: pixels along the longer side of a rendered PDF page, whatever size it states.
        max_pages: documents with more are refused.

    Raises:
        InputError: see `load_image`; CorruptImage for a damaged document, ImageTooLarge for one
            with too many pages or parts that inflate to too much, PasswordRequired,
            DocumentTooCostly where the policy isolates.
        BackendUnavailable: pypdfium2 is not installed.
    """
    policy = ImagePolicy.named(policy, "trusted")
    check_page_limits(longest_edge, max_pages)
    encoded = read_image(source, policy)
    if policy.isolate and is_document(encoded, policy):
        return open_with(
            SHARED.ask,
            encoded,
            policy,
            password=password,
            longest_edge=longest_edge,
            max_pages=max_pages,
        )
    pages = _open_here(encoded, policy, password, longest_edge)
    if len(pages) > max_pages:
        pages.close()
        raise ImageTooLarge(
            f"{encoded.name} has {len(pages):,} pages; the limit is {max_pages:,}",
            "Split the document. Or raise `max_pages`.",
        )
    return pages


def _open_here(
    encoded: EncodedImage, policy: ImagePolicy, password: str | None, longest_edge: int
) -> Pages:
    for kind in SOURCES:
        if kind.recognises(encoded.data):
            pages = kind.open(encoded, policy, password, longest_edge)
            break
    else:
        pages = picture_pages(encoded, policy)
    pages.source = encoded.ref.source
    return pages


def read_pages(
    source: ImageSource,
    policy: PolicyLike | None = None,
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


def choose_pages(pages: Pages, chosen: PageSelection | None) -> list[int]:
    """Numbers of the pages that are meant, where what takes them needs to be told.

    Raises:
        PagesNeeded: there are several, and none was chosen.
        BadOptions: one that was chosen is not there.
    """
    name = "the document" if pages.source is None else repr(abbreviate(pages.source, 200))
    if chosen is not None:
        return chosen.numbers(len(pages), name)
    if len(pages) == 1:
        return [1]
    raise PagesNeeded(
        f"{name} has {len(pages)} pages, and one image is wanted",
        f'Say which: `pages="1"`, or `pages="1-{min(3, len(pages))}"` to show several together.',
        len(pages),
    )


def open_as_images(
    source: ImageSource,
    chosen: PageSelection | None,
    policy: ImagePolicy,
    known: KnownImages | None = None,
) -> list[ImageSource]:
    """What a source stands for where images are wanted: itself, or chosen pages of a document.

    Args:
        known: see `count_pages`.

    Raises:
        InputError: see `open_pages` and `choose_pages`.
    """
    if isinstance(source, (Image.Image, np.ndarray)):
        if chosen is not None:
            chosen.numbers(1, "the image")
        return [source]
    encoded = read_image(source, policy)
    if not is_document(encoded, policy, known):
        if chosen is not None:
            chosen.numbers(1, encoded.name)
        return [encoded]
    with open_pages(encoded, policy) as pages:
        return [pages.encoded(number) for number in choose_pages(pages, chosen)]


def is_document(
    encoded: EncodedImage, policy: ImagePolicy, known: KnownImages | None = None
) -> bool:
    """Whether a file is a document, or an image with several frames; `known`: see `count_pages`."""
    if any(kind.recognises(encoded.data) for kind in SOURCES):
        return True
    return count_pages(encoded, policy, known) > 1
