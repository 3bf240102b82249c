"""What is known of a page → metadata of a LangChain document, under LangChain's names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from smolvlm_tools.errors import InputError, OutOfMemoryBudget, SmolVLMError
from smolvlm_tools.ingest import OwnText
from smolvlm_tools.pages import Page
from smolvlm_tools.types import VisionResult

_DIGITS = 4
"""Of confidences: their last bits depend on what else is decoded at the same time."""


class Place(NamedTuple):
    """A file, or a page of it.

    Attributes:
        known: the blob's own metadata.
        source: its path or URL, else a digest of its data.
        number: from 1; 0 is the file as a whole.
        total: how many pages there are.
    """

    known: Mapping[str, Any]
    source: str
    number: int = 0
    total: int = 0

    @classmethod
    def of(cls, blob: Blob) -> Place:
        """A whole file."""
        source = blob.source or f"sha256:{hashlib.sha256(blob.as_bytes()).hexdigest()}"
        return cls(blob.metadata, source)

    def __str__(self) -> str:
        return f"{self.source}, page {self.number} of {self.total}" if self.number else self.source

    def as_metadata(self) -> dict[str, Any]:
        """Under the names that LangChain's loaders use; they count pages from 0."""
        about = {**self.known, "source": self.source}
        return (
            {**about, "page": self.number - 1, "total_pages": self.total} if self.number else about
        )


def document(
    place: Place, page: Page | None, own: OwnText | None, said: Sequence[VisionResult]
) -> Document:
    """The texts of one page, and what is known of them.

    Args:
        page: None where nobody had to look at it.
        own: the page's own text, if somebody asked for it.
        said: what the model said.
    """
    layer, flags = (own.text, own.flags) if own else ("", ())
    metadata = {
        **place.as_metadata(),
        **(_of_image(page) if page else {}),
        **(_of_model(said) if said else {}),
        "flags": sorted({*flags, *(flag for result in said for flag in result.flags)}),
        "finish_reason": [result.finish_reason for result in said],
    }
    if said or layer:
        metadata["text_source"] = ("both" if layer else "model") if said else "layer"
    texts = [*(result.text for result in said), layer]
    return Document(page_content="\n\n".join(filter(None, texts)), metadata=metadata)


def failure(place: Place, error: SmolVLMError) -> Document:
    """A document without text that says what went wrong."""
    about = {"error": error.code, "error_reason": str(error)}
    return Document(page_content="", metadata={**place.as_metadata(), **about})


def is_of_one(error: SmolVLMError) -> bool:
    """Whether an error is about one file or page, and others may do."""
    return isinstance(error, (InputError, OutOfMemoryBudget))


def _of_image(page: Page) -> dict[str, Any]:
    return {"width": page.width, "height": page.height, "image_sha256": page.sha256}


def _of_model(results: Sequence[VisionResult]) -> dict[str, Any]:
    first = results[0]
    about = {
        "model": first.model,
        "revision": first.revision,
        "precision": first.precision,
        "confidence": round(min(result.confidence for result in results), _DIGITS),
    }
    return {name: value for name, value in about.items() if value is not None}
