"""Images, and the pages of PDF and TIFF files, one by one.

    opening   source -> read_image -> bytes -> one image, or a document -> Pages
    picture   an image as a page, or the frames of a TIFF as pages
    page      Page, an encoded image that `load_image` takes
    pdf       pages of PDF documents, by pypdfium2 (the extra `pdf`), which the first one loads

Sources are read by `smolvlm_tools.images`, under its policy.
"""

from __future__ import annotations

from .opening import LONGEST_EDGE, MAX_PAGES, open_pages, read_pages
from .page import Page, Pages

__all__ = ["LONGEST_EDGE", "MAX_PAGES", "Page", "Pages", "open_pages", "read_pages"]
