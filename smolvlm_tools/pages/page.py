"""A page, and the pages of one source."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from ..errors import BadOptions
from ..images import EncodedImage, shows_nothing
from ..machine.closing import Closing
from ..types import PageRef
from .content import Picture, TextLayer

LONGEST_EDGE = 2048
"""Pixels along the longer side of a rendered page: as many as SmolVLM's finest grid has."""

LONGEST_RENDERED = 16_384
"""The most that it may be asked to have."""

MAX_PAGES = 1_000
"""Of a document."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, as an image that `load_image` takes.

    Attributes:
        number: from 1.
        total: how many pages the source has; 1 for an image.
        data: an encoded image: the source's own bytes, or a PNG of the page.
        mime: of `data`, such as "image/png".
        sha256: hex digest of `data`, as in `VisionResult.image_sha256`.
        width, height: in pixels, upright.
        source: the path or URL as the caller gave it; None for what had neither.
        is_blank: whether it shows nothing; see `LoadedImage.is_blank`.
    """

    number: int
    total: int
    data: bytes
    mime: str
    sha256: str
    width: int
    height: int
    source: str | None = None
    is_blank: bool = False

    @property
    def ref(self) -> PageRef:
        """Where the page is."""
        return PageRef(source=self.source, page=self.number, pages=self.total)

    @property
    def encoded(self) -> EncodedImage:
        """The page as a source that still knows where it comes from."""
        return EncodedImage(self.data, str(self.ref), self.mime, self.ref)


class Pages(Closing):
    """The pages of one source, from `open_pages`. A context manager. Thread-safe.

    Attributes:
        source: the path or URL as the caller gave it; None for what had neither.
    """

    def __init__(
        self,
        total: int,
        read: Callable[[int], Page],
        close: Callable[[], None] | None = None,
        *,
        text: Callable[[int], TextLayer | None] | None = None,
        pictures: Callable[[int], Sequence[Picture]] | None = None,
        source: str | None = None,
    ) -> None:
        self._total, self._read, self._close = total, read, close
        self._text, self._pictures = text, pictures
        self.source = source
        self._lock = threading.Lock()

    @property
    def has_text(self) -> bool:
        """Whether its pages may have text layers: images have none."""
        return self._text is not None

    def __len__(self) -> int:
        return self._total

    def read(self, number: int) -> Page:
        """One page by its number, from 1; the others can be read even if one is broken.

        Raises:
            CorruptImage, ImageTooLarge: this page cannot be rendered.
            BadOptions: there is no such page.
        """
        self._check(number)
        return replace(self._read(number), source=self.source)

    def encoded(self, number: int) -> EncodedImage:
        """One page as an image that knows where it comes from, and its own text.

        Raises:
            CorruptImage, ImageTooLarge, BadOptions: see `read`.
        """
        layer = self.text(number)  # first: it is quick, but where a page is made to be slow
        image = self.read(number).encoded
        if layer is None:
            return image
        text = layer.text.strip() if layer.is_sound else None
        return replace(image, own_text=text, layer_flags=layer.flags)

    def text(self, number: int) -> TextLayer | None:
        """The text that the document itself has for a page; None for images, which have none.

        Raises:
            CorruptImage: this page cannot be read.
            BadOptions: there is no such page.
        """
        self._check(number)
        return self._text(number) if self._text else None

    def pictures(self, number: int) -> Sequence[Picture]:
        """The pictures that stand in a page; none where the page itself is an image.

        Of a PDF page, its embedded images, the 32 largest if there are more. Left out are those of
        less than 32 pixels or a hundredth of the page (bullets, rules, icons) and those that cover
        four fifths of it (scans, backgrounds). Charts drawn as lines have no image, so there is no
        picture of them; `read` shows them.

        Raises:
            CorruptImage, ImageTooLarge: this page cannot be read.
            BadOptions: there is no such page.
        """
        self._check(number)
        return self._pictures(number) if self._pictures else ()

    def __iter__(self) -> Iterator[Page]:
        return (self.read(number) for number in range(1, self._total + 1))

    def _check(self, number: int) -> None:
        if not 1 <= number <= self._total:
            raise BadOptions(f"there is no page {number}", f"Pages are 1 to {self._total}.")

    def close(self) -> None:
        """Free the document; pages that were read stay valid."""
        with self._lock:
            close, self._close = self._close, None
        if close is not None:
            close()

    def __del__(self) -> None:
        self.close()


def as_page(number: int, total: int, pixels: Image.Image) -> Page:
    """A rendered page as a PNG."""
    buffer = BytesIO()
    pixels.save(buffer, "PNG", compress_level=1)  # fast is enough: the bytes are soon decoded
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    width, height = pixels.size
    return Page(
        number, total, data, "image/png", digest, width, height, is_blank=shows_nothing(pixels)
    )
