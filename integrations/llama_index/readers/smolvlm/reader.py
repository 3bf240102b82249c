"""Image files and the pages of PDF and TIFF files → LlamaIndex documents."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

from fsspec import AbstractFileSystem
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document, MediaResource
from pydantic import Field

from smolvlm_tools import url_scheme
from smolvlm_tools.errors import FetchFailed, ImageNotFound, PathNotAllowed, SmolVLMError
from smolvlm_tools.images import ImagePolicy
from smolvlm_tools.pages import LONGEST_EDGE, Page, Pages, open_pages

from . import held_images, metadata
from .engine import or_missing
from .looks import LookSettings, Said

IMAGE_SUFFIXES = (
    ".bmp", ".gif", ".heic", ".heics", ".heif", ".heifs", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg",
    ".pdf", ".png", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""What `SmolVLMImageReader.file_extractor` reads, as `SimpleDirectoryReader` writes suffixes."""

File: TypeAlias = str | os.PathLike[str]
FileSystem: TypeAlias = AbstractFileSystem | None
Extra: TypeAlias = dict[str, Any] | None
_Place: TypeAlias = tuple["Path | None", int]
"""The path, if what lies there is the image itself, and the number of pages."""

_FILES_AT_ONCE = 8
_ROOM: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""Of each loop, how many files may be open: `SimpleDirectoryReader.aload_data` starts them all."""


@dataclass(frozen=True)
class AsyncDocuments:
    """Documents that come one by one to `async for`, and all together to `await`.

    LlamaIndex awaits what `alazy_load_data` returns, and only `async for` can be lazy.
    """

    iterate: Callable[[], AsyncIterator[Document]]
    load: Callable[[], Awaitable[list[Document]]]

    def __aiter__(self) -> AsyncIterator[Document]:
        return self.iterate()

    def __await__(self) -> Generator[Any, None, list[Document]]:
        return self.load().__await__()


class SmolVLMImageReader(LookSettings, BasePydanticReader):
    """Reads images and PDF files by looking at them, one document for each image or page.

        >>> from llama_index.readers.smolvlm import SmolVLMImageReader
        >>> reader = SmolVLMImageReader(model="embedded", mode="caption")
        >>> print(reader.load_data("examples/images/shapes.png")[0].text)
        The image shows ...

    For a folder: `SimpleDirectoryReader(folder, file_extractor=reader.file_extractor())`. A file
    that cannot be read raises; `SimpleDirectoryReader` then prints its name and goes on, unless
    it was told `raise_on_error=True`. With `on_error="record"` the file, or just its broken page,
    becomes a document without text that says so in its metadata.

    Attributes:
        keep_image: whether documents hold their image: the path of a local image file, else the
            bytes.
        password: of encrypted PDF files; `to_dict` leaves it out.
        longest_edge: pixels along the longer side of a rendered PDF page.
    """

    keep_image: bool = True
    password: str | None = Field(default=None, exclude=True, repr=False)
    longest_edge: int = LONGEST_EDGE

    @classmethod
    def class_name(cls) -> str:
        return "SmolVLMImageReader"

    def file_extractor(self) -> dict[str, SmolVLMImageReader]:
        """This reader for every suffix it reads."""
        return dict.fromkeys(IMAGE_SUFFIXES, self)

    def load_data(
        self, file: File, extra_info: Extra = None, fs: FileSystem = None
    ) -> list[Document]:
        """The documents of a file, a path (in `fs` if that is given) or an http(s) URL.

        `extra_info` is metadata for every document.

        Raises:
            InputError: the file, or a page of it, cannot be read.
            EngineMissing: the model, or pypdfium2 for PDF files, is not there.
        """
        return list(self.lazy_load_data(file, extra_info, fs))

    def lazy_load_data(
        self, file: File, extra_info: Extra = None, fs: FileSystem = None
    ) -> Iterator[Document]:
        """`load_data`, `at_once` pages at a time."""
        pages = self._attempt(self._open, file, fs)
        if isinstance(pages, SmolVLMError):
            yield _document(extra_info, metadata.of_error(pages))
            return
        with pages:
            place = _place(file, fs, pages)
            for numbers in self._windows(range(1, len(pages) + 1)):
                read = [self._attempt(pages.read, number) for number in numbers]
                looked = self._look([_data(page) for page in read])
                for number, page, said in zip(numbers, read, looked, strict=True):
                    yield self._tell(extra_info, place, number, page, said)

    async def aload_data(
        self, file: File, extra_info: Extra = None, fs: FileSystem = None
    ) -> list[Document]:
        """`load_data` for an event loop; cancelling the task frees the engine."""
        async with _ROOM.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_FILES_AT_ONCE)):
            return [document async for document in self._alazy(file, extra_info, fs)]

    def alazy_load_data(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, file: File, extra_info: Extra = None, fs: FileSystem = None
    ) -> AsyncDocuments:
        """`lazy_load_data` for `async for`; awaited, as LlamaIndex declares it, the list of all."""
        return AsyncDocuments(
            lambda: self._alazy(file, extra_info, fs), lambda: self.aload_data(file, extra_info, fs)
        )

    async def _alazy(
        self, file: File, extra_info: Extra, fs: FileSystem
    ) -> AsyncIterator[Document]:
        pages = await asyncio.to_thread(self._attempt, self._open, file, fs)
        if isinstance(pages, SmolVLMError):
            yield _document(extra_info, metadata.of_error(pages))
            return
        try:
            place = _place(file, fs, pages)
            for numbers in self._windows(range(1, len(pages) + 1)):
                read = [await asyncio.to_thread(self._attempt, pages.read, n) for n in numbers]
                looked = await self._alook([_data(page) for page in read])
                for number, page, said in zip(numbers, read, looked, strict=True):
                    yield await asyncio.to_thread(  # encoding a large page takes a while
                        self._tell, extra_info, place, number, page, said
                    )
        finally:  # it may wait for a page that is being rendered
            asyncio.get_running_loop().run_in_executor(None, pages.close)

    def _open(self, file: File, fs: FileSystem) -> Pages:
        source = file if fs is None else _read_from(fs, os.fspath(file), self.policy)
        with or_missing():
            return open_pages(
                source, self.policy, password=self.password, longest_edge=self.longest_edge
            )

    def _tell(
        self, extra_info: Extra, place: _Place, number: int, page: Page | SmolVLMError, said: Said
    ) -> Document:
        path, total = place
        text, about = metadata.of_outcomes(said, self._tolerate)
        if isinstance(page, SmolVLMError):
            about = {metadata.PAGE: str(number), "pages": total, **about}
            return _document(extra_info, about)
        image = _image(page, path) if self.keep_image else None
        return _document(extra_info, {**metadata.of_page(page), **about}, text, image)


def _place(file: File, fs: FileSystem, pages: Pages) -> _Place:
    local = fs is None and not (isinstance(file, str) and url_scheme(file))
    return (Path(file) if local and len(pages) == 1 else None), len(pages)


def _image(page: Page, path: Path | None) -> MediaResource:
    if path is not None and path.suffix.lower() != ".pdf":
        return MediaResource(path=path, mimetype=page.mime)
    return held_images.resource(page.data, page.mime)


def _data(page: Page | SmolVLMError) -> bytes | SmolVLMError:
    return page.data if isinstance(page, Page) else page


def _document(
    extra_info: Extra, about: dict[str, Any], text: str = "", image: MediaResource | None = None
) -> Document:
    document = Document(
        text_resource=MediaResource(text=text),
        image_resource=image,
        metadata=dict(extra_info or {}),
    )
    metadata.write(document, about)
    return document


def _read_from(fs: AbstractFileSystem, path: str, policy: ImagePolicy | None) -> bytes:
    """A file's bytes, one more than allowed at most."""
    try:
        with cast("Any", fs).open(path, "rb") as file:
            return file.read((policy or ImagePolicy()).max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageNotFound(f"there is no {path!r}", "Check the path.") from error
    except PermissionError as error:
        raise PathNotAllowed(f"{path!r} may not be read", "Check the permissions.") from error
    except OSError as error:
        raise FetchFailed(f"{path!r} could not be read ({error})", "Try again.") from error
