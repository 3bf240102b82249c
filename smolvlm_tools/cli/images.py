"""The IMAGE arguments of a command, page by page."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import (
    BadOptions,
    InputError,
    PasswordRequired,
    SmolVLMError,
    UnsupportedFormat,
)
from ..images import EncodedImage, ImagePolicy, load_image, read_image
from ..images.encodings import abbreviate
from ..images.formats import FORMATS
from ..images.policy import LARGE_FILE
from ..pages import Pages, is_document, open_pages
from ..pages.video import is_video, open_film
from ..types import PageRef
from .console import clean, working

if TYPE_CHECKING:
    from .page_options import PageOptions

_LONGEST_NAME = 4096
_MAX_PAGES = 100_000
"""More than the library's default: the pages are rendered one at a time, for their owner."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which image or page of the command's arguments something is about.

    Attributes:
        image: the argument.
        number, images: which of the arguments it is, from 1.
        page, pages: which page of it, from 1; None where it could not be opened.
        alone: whether the command is about this one only.
    """

    image: str
    number: int
    images: int
    page: int | None = None
    pages: int | None = None
    alone: bool = True

    @property
    def name(self) -> str:
        """On one line: "scan.tif, page 2 of 5"."""
        image = self.image if len(self.image) <= _LONGEST_NAME else abbreviate(self.image)
        return clean(str(PageRef(source=image, page=self.page or 1, pages=self.pages or 1)))

    def working(self, stage: str) -> str:
        """Such as "image 2 of 20, page 3 of 5: looking"; the stage only for a single image."""
        parts = [f"image {self.number} of {self.images}"] if self.images > 1 else []
        if (self.pages or 1) > 1:
            parts.append(f"page {self.page} of {self.pages}")
        return f"{', '.join(parts)}: {stage}" if parts else stage

    def entry(self, data: dict[str, Any]) -> dict[str, Any]:
        """JSON data that names the place first."""
        return {"image": self.image, "page": self.page, "pages": self.pages, **data}


Found: TypeAlias = EncodedImage | SmolVLMError
"""An image, or why there is none."""


def each_page(images: Sequence[str], options: PageOptions) -> Iterator[tuple[Place, Found]]:
    """Every image, and every chosen page of documents, read when it is reached.

    Args:
        images: the arguments; "-" is standard input.
        options: the pages, and the password of documents.

    Raises:
        BadOptions: the selection of pages or frames is not one, or standard input is given twice.
    """
    options.selection()
    _ = options.of_video
    if images.count("-") > 1:
        raise BadOptions("- is given more than once", "Standard input holds one file.")
    return _each_page(images, options)


def check_readable(source: EncodedImage) -> None:
    """Check that an image, page or video can be read, before anything is loaded for it.

    Raises:
        InputError: it cannot be.
        BackendUnavailable: a package that reads its kind is not installed.
    """
    film = open_film(source, ImagePolicy(isolate=True, max_bytes=LARGE_FILE), wanted=False)
    if film is None:
        load_image(source)
    else:
        film.close()


def _each_page(images: Sequence[str], options: PageOptions) -> Iterator[tuple[Place, Found]]:
    # A page that crashes its reader must not lose the others.
    policy = ImagePolicy(isolate=True, max_bytes=LARGE_FILE)
    for number, image in enumerate(images, 1):
        place = Place(image, number, len(images), alone=len(images) == 1)
        try:
            encoded = _read(image, policy)
            is_film = is_video(encoded.data) or bool(options.of_video)
            if is_film or not is_document(encoded, policy):
                _choose(options, 1, image)
                yield replace(place, page=1, pages=1), encoded
                continue
            pages = open_pages(encoded, policy, password=options.password, max_pages=_MAX_PAGES)
        except SmolVLMError as error:
            yield place, _in_words_of_options(error)
            continue
        del encoded
        with pages:
            yield from _each_of(pages, place, options)


def _each_of(pages: Pages, place: Place, options: PageOptions) -> Iterator[tuple[Place, Found]]:
    try:
        chosen = _choose(options, len(pages), place.image)
    except InputError as error:
        yield replace(place, pages=len(pages)), error
        return
    for number in chosen:
        at = replace(place, page=number, pages=len(pages), alone=place.alone and len(chosen) == 1)
        yield at, _render(pages, number, at)


def _render(pages: Pages, number: int, place: Place) -> Found:
    with working(place.working("rendering")):
        try:
            return pages.encoded(number)
        except SmolVLMError as error:
            return error


def _read(image: str, policy: ImagePolicy) -> EncodedImage:
    if image != "-":
        return read_image(image, policy)
    # One byte more than a file may have, so that a longer one is refused.
    data = sys.stdin.buffer.read(policy.max_bytes + 1)
    if len(data) > policy.max_bytes:
        raise policy.too_many_bytes("standard input holds more than is read")
    return EncodedImage(data, "standard input", ref=PageRef(source="-"))


def _choose(options: PageOptions, total: int, image: str) -> Sequence[int]:
    """Numbers of the pages that are meant.

    Raises:
        InputError: one of them is not there.
    """
    selection = options.selection()
    if selection is None:
        return range(1, total + 1)
    try:
        return selection.numbers(total, repr(abbreviate(image, 200)))
    except BadOptions as error:  # of this file only: the others may have that page
        raise InputError(error.reason, error.remedy) from None


def _in_words_of_options(error: SmolVLMError) -> SmolVLMError:
    if isinstance(error, PasswordRequired):
        return error.reworded(
            error.reason, "Set SMOLVLM_PDF_PASSWORD to the document's password, or use --password."
        )
    if isinstance(error, UnsupportedFormat):
        *most, last = FORMATS
        return error.reworded(
            error.reason, f"Use a {', '.join(most)} or {last} image, a PDF document or a video."
        )
    return error
