"""Images and PDF pages → LangChain documents: `SmolVLMBlobParser` and `SmolVLMLoader`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal, TypeAlias

from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from smolvlm_tools import EngineSource, ImagePolicy, RequestOptions, SmolVLM, engine_source
from smolvlm_tools.errors import BadOptions
from smolvlm_tools.pages import LONGEST_EDGE, MAX_PAGES, Page, Pages, open_pages
from smolvlm_tools.types import VisionResult

Mode: TypeAlias = Literal["caption", "transcription", "both"]
_ASKED: Mapping[str, list[tuple[str, ...]]] = {
    "caption": [("describe",)],
    "transcription": [("transcribe",)],
    "both": [("describe",), ("transcribe",)],
}
"""Names of the engine's methods, each with what follows the image."""


@dataclass(frozen=True)
class SmolVLMBlobParser(BaseBlobParser):
    """Makes one document of every image and every page of a PDF or TIFF file.

        >>> from langchain_core.documents.base import Blob
        >>> from langchain_smolvlm import SmolVLMBlobParser
        >>> parser = SmolVLMBlobParser(model="embedded", question="What color is the circle?")
        >>> [page] = parser.lazy_parse(Blob.from_path("examples/images/shapes.png"))
        >>> page.page_content, page.metadata["total_pages"]
        ('red', 1)

    For whole folders, give it to LangChain's `GenericLoader`. `model` and `load_options` are for
    `SmolVLM.load`.

    Attributes:
        mode: what to make a document's text of: a "caption", the "transcription" of the text in the
            image, or "both" with an empty line between.
        question: ask this instead.
        password: of encrypted PDF files.
        longest_edge: of rendered PDF pages, in pixels.
        max_pages: a document with more is refused.
        options: keywords of every request, such as {"max_new_tokens": 1024}.
        engine: a loaded engine to use instead of the shared one.
    """

    model: str = "256m"
    mode: Mode = "transcription"
    question: str | None = None
    policy: ImagePolicy | None = None
    password: str | None = field(default=None, repr=False)
    longest_edge: int = LONGEST_EDGE
    max_pages: int = MAX_PAGES
    load_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: RequestOptions = field(default_factory=RequestOptions)
    engine: SmolVLM | None = field(default=None, repr=False)
    _source: EngineSource = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode not in _ASKED:
            raise BadOptions(f"unknown mode {self.mode!r}", f"Use one of {', '.join(_ASKED)}.")
        source = engine_source(self.engine, self.model, **self.load_options)
        object.__setattr__(self, "_source", source)

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """One document for each page, made when it is asked for.

        Raises:
            InputError: the blob, or a page of it, cannot be read.
        """
        with self._open(blob) as pages:
            for page in pages:
                engine = self._source.get()
                results = [
                    getattr(engine, method)(page.data, *asked, **self.options)
                    for method, *asked in self._asked()
                ]
                yield _document(blob, page, results)

    async def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """`lazy_parse` for an event loop; cancelling the task stops the engine."""
        with await asyncio.to_thread(self._open, blob) as pages:
            for number in range(1, len(pages) + 1):
                page = await asyncio.to_thread(pages.read, number)
                engine = await self._source.aget()
                results = [
                    await getattr(engine, f"a{method}")(page.data, *asked, **self.options)
                    for method, *asked in self._asked()
                ]
                yield _document(blob, page, results)

    def close(self) -> None:
        """Give the shared engine up; its last user frees the weights."""
        self._source.release()

    def _open(self, blob: Blob) -> Pages:
        source = blob.path if blob.data is None and blob.path is not None else blob.as_bytes()
        return open_pages(
            source,
            self.policy,
            password=self.password,
            longest_edge=self.longest_edge,
            max_pages=self.max_pages,
        )

    def _asked(self) -> list[tuple[str, ...]]:
        return _ASKED[self.mode] if self.question is None else [("ask", self.question)]


class SmolVLMLoader(BaseLoader):
    """Loads images and PDF files as documents, page by page.

        >>> from langchain_smolvlm import SmolVLMLoader
        >>> loader = SmolVLMLoader("examples/images/shapes.png", model="embedded", mode="caption")
        >>> "circle" in loader.load()[0].page_content
        True

    Args:
        paths: a file, or several.
        options: see `SmolVLMBlobParser`.
    """

    def __init__(
        self, paths: str | PathLike[str] | Sequence[str | PathLike[str]], **options: Any
    ) -> None:
        several = [paths] if isinstance(paths, (str, PathLike)) else paths
        self._paths = [os.fspath(path) for path in several]
        self._parser = SmolVLMBlobParser(**options)

    def lazy_load(self) -> Iterator[Document]:
        for path in self._paths:
            yield from self._parser.lazy_parse(Blob.from_path(path))

    async def alazy_load(self) -> AsyncIterator[Document]:
        for path in self._paths:
            async for document in self._parser.alazy_parse(Blob.from_path(path)):
                yield document


def _document(blob: Blob, page: Page, results: Sequence[VisionResult]) -> Document:
    """The results' texts, and what is known of them, in LangChain's words where it has some."""
    metadata: dict[str, Any] = {
        **blob.metadata,
        "source": blob.source or f"sha256:{page.sha256}",
        "page": page.number - 1,  # LangChain's loaders count from 0
        "total_pages": page.total,
        "width": page.width,
        "height": page.height,
        "image_sha256": page.sha256,
        "model": results[0].model,
        "confidence": min(result.confidence for result in results),
        "flags": sorted({flag for result in results for flag in result.flags}),
        "finish_reason": [result.finish_reason for result in results],
    }
    text = "\n\n".join(result.text for result in results)
    return Document(page_content=text, metadata=metadata)
