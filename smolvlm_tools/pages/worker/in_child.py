"""Documents in the child: opened with what `opening` sends, read page by page."""

from __future__ import annotations

from typing import Any

from ...images import EncodedImage, ImagePolicy
from ...sandbox.messages import Message
from ..opening import open_pages
from ..page import Pages
from .calls import CALLS

LIBRARIES = ("pypdfium2", "pypdfium2.raw")
"""What is imported only for PDF files; see `sandbox.services`."""


class _Document:
    """An open document."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.facts = {"pages": len(pages), "has_text": pages.has_text}

    def answer(self, header: dict[str, Any], memory: memoryview | None) -> Message:
        call = CALLS[header["call"]]
        return call.pack(call.do(self._pages, header["number"]))

    def close(self) -> None:
        self._pages.close()


def open_in_child(header: dict[str, Any], data: bytes) -> _Document:
    """Open a document; see `sandbox.services`."""
    return _Document(
        open_pages(
            EncodedImage(data, header["name"], header["mime"]),
            ImagePolicy(**header["policy"]),
            password=header["password"],
            longest_edge=header["longest_edge"],
            max_pages=header["max_pages"],
        )
    )
