"""Files, folders and glob patterns → LangChain documents: `SmolVLMLoader`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from os import PathLike
from typing import Any, TypeAlias

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from smolvlm_tools.errors import ImageNotFound
from smolvlm_tools.images import EncodedImage, ImagePolicy
from smolvlm_tools.ingest import Source, find_sources
from smolvlm_tools.pages import SUFFIXES

from .documents import SmolVLMBlobParser
from .records import Place

Path: TypeAlias = str | PathLike[str]


class SmolVLMLoader(BaseLoader):
    """Loads images and documents page by page: files, folders and all that matches a pattern.

        >>> from langchain_smolvlm import SmolVLMLoader
        >>> loader = SmolVLMLoader("examples/images/shapes.png", model="embedded", mode="caption")
        >>> "circle" in loader.load()[0].page_content
        True

    Of a folder, every file whose name ends as those that are read, at any depth and in the order
    of the names; hidden ones are left out. Patterns are those of `glob`: "scans/**/*.tif". URLs are
    http(s) and those that fsspec knows. What is found twice is loaded once.

    Args:
        paths: a file, folder, pattern or URL, or several.
        options: see `SmolVLMBlobParser`. Its `on_error` is about files as well as pages; a folder
            without a file to read and a pattern that matches nothing are such errors, too.
    """

    def __init__(self, paths: Path | Sequence[Path], **options: Any) -> None:
        self._paths = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
        self._parser = SmolVLMBlobParser(**options)

    def lazy_load(self) -> Iterator[Document]:
        for source in self._sources():
            yield from self._parser.lazy_read(Place({}, source.name), source.read)

    async def alazy_load(self) -> AsyncIterator[Document]:
        for source in await asyncio.to_thread(self._sources):
            async for document in self._parser.alazy_read(Place({}, source.name), source.read):
                yield document

    def close(self) -> None:
        """Give the shared engine up; its last user frees the weights."""
        self._parser.close()

    def _sources(self) -> list[Source]:
        found: dict[str, Source] = {}
        for path in self._paths:
            here = list(find_sources([path])) or [_nothing_in(os.fspath(path))]
            for source in here:
                found.setdefault(source.name, source)
        return list(found.values())


def _nothing_in(folder: str) -> Source:
    def read(policy: ImagePolicy) -> EncodedImage:
        raise ImageNotFound(
            f"the folder {folder!r} has no file to read",
            f"Files are read whose names end in {', '.join(SUFFIXES)}.",
        )

    return Source(folder, read, lambda: None)
