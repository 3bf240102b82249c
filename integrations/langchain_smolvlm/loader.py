"""Files, folders and glob patterns → LangChain documents: `SmolVLMLoader`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from .documents import SmolVLMBlobParser
from .paths import Path, find_files
from .records import Place


class SmolVLMLoader(BaseLoader):
    """Loads images and documents page by page: files, folders and all that matches a pattern.

        >>> from langchain_smolvlm import SmolVLMLoader
        >>> loader = SmolVLMLoader("examples/images/shapes.png", model="embedded", mode="caption")
        >>> "circle" in loader.load()[0].page_content
        True

    Of a folder, every file that can be read, at any depth and sorted by path; hidden ones are left
    out. Patterns are those of `glob`: "scans/**/*.tif". A file that is found twice is loaded once.

    Args:
        paths: a file, URL, folder or pattern, or several.
        options: see `SmolVLMBlobParser`; its `on_error` is about files as well as pages.

    Raises:
        ImageNotFound: on loading, if a folder has no file to read or nothing matches a pattern,
            whatever `on_error` says.
    """

    def __init__(self, paths: Path | Sequence[Path], **options: Any) -> None:
        self._paths = paths
        self._parser = SmolVLMBlobParser(**options)

    def lazy_load(self) -> Iterator[Document]:
        for path, error in find_files(self._paths):
            if error is not None:
                yield from self._parser.failed(Place({}, path), error)
            else:
                yield from self._parser.lazy_parse(Blob.from_path(path))

    async def alazy_load(self) -> AsyncIterator[Document]:
        for path, error in await asyncio.to_thread(find_files, self._paths):
            if error is not None:
                for document in self._parser.failed(Place({}, path), error):
                    yield document
                continue
            async for document in self._parser.alazy_parse(Blob.from_path(path)):
                yield document

    def close(self) -> None:
        """Give the shared engine up; its last user frees the weights."""
        self._parser.close()
