"""A page, and the pages of one source."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from ..errors import BadOptions
from ..machine.closing import Closing


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
        frames: of an animation, of which only the first is used; else 1.
    """

    number: int
    total: int
    data: bytes
    mime: str
    sha256: str
    width: int
    height: int
    frames: int = 1


class Pages(Closing):
    """The pages of one source, from `open_pages`. A context manager. Thread-safe."""

    def __init__(
        self, total: int, read: Callable[[int], Page], close: Callable[[], None] | None = None
    ) -> None:
        self._total, self._read, self._close = total, read, close
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._total

    def read(self, number: int) -> Page:
        """One page by its number, from 1; the others can be read even if one is broken.

        Raises:
            CorruptImage, ImageTooLarge: this page cannot be rendered.
            BadOptions: there is no such page.
        """
        if not 1 <= number <= self._total:
            raise BadOptions(f"there is no page {number}", f"Pages are 1 to {self._total}.")
        return self._read(number)

    def __iter__(self) -> Iterator[Page]:
        return (self.read(number) for number in range(1, self._total + 1))

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
    return Page(number, total, data, "image/png", digest, pixels.width, pixels.height)
