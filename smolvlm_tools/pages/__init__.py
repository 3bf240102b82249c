"""Images and the pages of PDF and TIFF files, one by one; knows files and PDFium, not models.

    opening   source -> read_image -> bytes -> one image, or a document -> Pages
    page      what they hand out: Page, an encoded image
    pdf       pages of PDF documents, by pypdfium2 (the extra `pdf`), which the first one loads

The bytes come in by the images' own entrance, under its policy, and a page leaves as what that
entrance takes.
"""

from __future__ import annotations

from .opening import LONGEST_EDGE, MAX_PAGES, open_pages, read_pages
from .page import Page, Pages

__all__ = ["LONGEST_EDGE", "MAX_PAGES", "Page", "Pages", "open_pages", "read_pages"]
