"""An image as a page, or as many where it has frames: a TIFF file, an animation."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from PIL.ImageFile import ImageFile

from ..errors import CorruptImage, ImageTooLarge, SmolVLMError
from ..images import EncodedImage, ImagePolicy, count_pages, decode_image
from ..images.colour import picture_to_rgb
from ..images.formats import FORMATS, ImageFormat, identify
from .page import Page, Pages, as_page


def picture_pages(encoded: EncodedImage, policy: ImagePolicy) -> Pages:
    """Open an image file; see `open_pages`."""
    total = count_pages(encoded, policy)
    if total > 1:
        frames = Frames(encoded, policy, total)
        if frames.is_cut:
            raise CorruptImage(
                f"{encoded.name} was cut after page {total}", "Send all of it, or save it again."
            )
        return Pages(total, frames.read)
    image = decode_image(encoded, policy)
    mime = FORMATS[str(image.format)].mime[0]
    digest, blank = image.sha256, image.is_blank
    page = Page(1, 1, encoded.data, mime, digest, *image.size, is_blank=blank)
    return Pages(1, lambda number: page)


class Frames:
    """The frames of one file, composed as a viewer shows them.

    Each builds on those before it, so a file stays open between reads that go forward.

    Attributes:
        is_cut: whether there may have been more of them.
    """

    def __init__(self, encoded: EncodedImage, policy: ImagePolicy, total: int) -> None:
        self._encoded, self._policy, self._total = encoded, policy, total
        self._kind: ImageFormat = FORMATS[identify(encoded.data, encoded.name)]
        self.is_cut = self._kind.is_cut is not None and self._kind.is_cut(encoded.data)
        self._file: ImageFile | None = None
        self._lock = threading.Lock()

    def read(self, number: int) -> Page:
        """A frame by its number, from 1, as a page."""
        return as_page(number, self._total, self.pixels(number))

    def pixels(self, number: int) -> Image.Image:
        """A frame as upright RGB; raises as `Pages.read`."""
        name = f"page {number} of {self._encoded.name}"
        with self._lock, self._naming(name):
            return picture_to_rgb(self._at(number - 1), self._policy, name)

    def seconds(self, number: int) -> float:
        """For how long a frame of an animation is shown; 0 if the file does not say."""
        with self._lock, self._naming(f"page {number} of {self._encoded.name}"):
            file = self._at(number - 1)
            file.load()  # WebP tells it then
            return float(file.info.get("duration") or 0.0) / 1000

    def close(self) -> None:
        """Free the file; it is opened again if it is read again."""
        with self._lock:
            self._file = None

    @contextmanager
    def _naming(self, name: str) -> Generator[None]:
        """Have errors of Pillow become ours, and the file be opened again after them."""
        try:
            yield
        except SmolVLMError:
            self._file = None
            raise
        except (MemoryError, Image.DecompressionBombError) as error:
            self._file = None
            raise ImageTooLarge(f"{name} takes too much memory", "Shrink it.") from error
        except Exception as error:  # Pillow's readers raise whatever the damage led to
            self._file = None
            what = str(error) or type(error).__name__
            raise CorruptImage(f"{name} is damaged ({what})", "Save the file again.") from error

    def _at(self, index: int) -> ImageFile:
        if self._file is None or self._file.tell() >= index:
            self._file = self._kind.read(BytesIO(self._encoded.data))
        self._file.seek(index)
        return self._file
