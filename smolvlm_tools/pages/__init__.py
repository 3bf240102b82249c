"""Images, and the pages of PDF and TIFF files, one by one.

    opening   source -> read_image -> bytes -> one image, or a document -> Pages
    picture   an image as a page, or the frames of a TIFF file or animation as pages
    page      Page, an encoded image that `load_image` takes
    content   TextLayer, Picture: what a document has besides the look of a page
    selection which pages are meant: "1-3,7"
    suffixes  how the names of files end that are read
    worker    the same pages, read in child processes with limits on time and memory
    video     videos: a few frames of each, with their times
    pdf       pages of PDF documents, by pypdfium2 (the extra `pdf`), which the first one loads

Sources are read by `smolvlm_tools.images`, under its policy.
"""

from __future__ import annotations

from .content import BBox, LayerKind, Picture, TextLayer
from .opening import (
    check_page_limits,
    choose_pages,
    is_document,
    open_as_images,
    open_pages,
    read_pages,
)
from .page import LONGEST_EDGE, LONGEST_RENDERED, MAX_PAGES, Page, Pages
from .selection import PageSelection, parse_pages
from .suffixes import SUFFIXES

__all__ = [
    "LONGEST_EDGE",
    "LONGEST_RENDERED",
    "MAX_PAGES",
    "SUFFIXES",
    "BBox",
    "LayerKind",
    "Page",
    "PageSelection",
    "Pages",
    "Picture",
    "TextLayer",
    "check_page_limits",
    "choose_pages",
    "is_document",
    "open_as_images",
    "open_pages",
    "parse_pages",
    "read_pages",
]
