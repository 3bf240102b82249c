"""An image as a page, or as many where its frames are pages (TIFF)."""

from __future__ import annotations

from io import BytesIO

from ..errors import CorruptImage
from ..images import EncodedImage, ImagePolicy, decode_image
from ..images.colour import picture_to_rgb
from ..images.formats import FORMATS
from .page import Page, Pages, as_page


def picture_pages(encoded: EncodedImage, policy: ImagePolicy) -> Pages:
    """Open an image file; see `open_pages`."""
    image = decode_image(encoded, policy)
    kind, total = FORMATS[str(image.format)], image.frames

    def read(number: int) -> Page:
        name = f"page {number} of {encoded.name}"
        try:
            file = kind.read(BytesIO(encoded.data))
            file.seek(number - 1)
        except Exception as error:  # Pillow's readers raise whatever the damage led to
            raise CorruptImage(f"{name} is damaged ({error})", "Save the file again.") from error
        return as_page(number, total, picture_to_rgb(file, policy, name))

    if kind.has_pages and total > 1:
        return Pages(total, read)
    page = Page(1, 1, encoded.data, kind.mime[0], image.sha256, *image.size, total)
    return Pages(1, lambda number: page)
