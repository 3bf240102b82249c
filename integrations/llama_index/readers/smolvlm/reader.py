"""Image files and the pages of PDF files, TIFF files and animations → LlamaIndex documents."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Annotated, Any, NamedTuple
from weakref import WeakKeyDictionary

from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document, MediaResource
from pydantic import AfterValidator, Field

from smolvlm_tools.errors import (
    BadOptions,
    SmolVLMError,
)
from smolvlm_tools.ingest import TextFrom, read_own_text
from smolvlm_tools.pages import (
    LONGEST_EDGE,
    Page,
    Pages,
    check_page_limits,
    open_pages,
    parse_pages,
)

from . import metadata
from .async_documents import AsyncDocuments
from .engine import LOG, or_missing, or_too_small
from .looks import Found, LookSettings, Said, Sight, first_error
from .places import Extra, File, FileSystem, Place, read_from
from .suffixes import IMAGE_SUFFIXES, NOT_READ

_FILES_AT_ONCE = 8
_ROOM: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""Of each loop, how many files may be open: `SimpleDirectoryReader.aload_data` starts them all."""


def _check_pages(pages: str | int | None) -> str | int | None:
    parse_pages(pages)
    return pages


def _check_longest_edge(longest_edge: int) -> int:
    check_page_limits(longest_edge)
    return longest_edge


class SmolVLMImageReader(LookSettings, BasePydanticReader):
    """Reads images and PDF files by looking at them, one document for each image or page.

        >>> from llama_index.readers.smolvlm import SmolVLMImageReader
        >>> reader = SmolVLMImageReader(model="embedded", mode="caption")
        >>> print(reader.load_data("examples/images/shapes.png")[0].text)
        The image shows ...

    For a folder: `SimpleDirectoryReader(folder, file_extractor=reader.file_extractor())`. A file
    that cannot be read raises; `SimpleDirectoryReader` then prints its name and goes on, unless
    it was told `raise_on_error=True`. With `on_error="record"` the file, or just its broken page,
    becomes a document without text that says so in its metadata; with "skip" it is left out, and
    the log says so.

    Attributes:
        policy: which files are let in; None for any that you name, decoded in a child process,
            because others have made them.
        text: where a transcription comes from. "auto": from the text layer of a PDF page where it
            is sound, else from the model; "layer": whatever the layer says, never from
            the model; "model": always from it. `text_source` of the metadata says what it was,
            `transcription_flags` what is wrong with a layer.
        pages: which pages of every document: "1-3,7", "2-" or a number; None for all.
        keep_image: whether documents hold their image: the path of a local image file, else the
            bytes.
        password: of encrypted PDF files; `to_dict` leaves it out.
        longest_edge: pixels along the longer side of a rendered PDF page.
    """

    text: TextFrom = "auto"
    pages: Annotated[str | int | None, AfterValidator(_check_pages)] = None
    keep_image: bool = True
    password: str | None = Field(default=None, exclude=True, repr=False)
    longest_edge: Annotated[int, AfterValidator(_check_longest_edge)] = LONGEST_EDGE

    @classmethod
    def class_name(cls) -> str:
        return "SmolVLMImageReader"

    def file_extractor(self) -> dict[str, SmolVLMImageReader]:
        """This reader for every suffix it reads, and for those of images that nobody here reads.

        `SimpleDirectoryReader` takes files of other suffixes for text, whatever is in them; so an
        AVIF or Photoshop file is refused by name instead.

        Raises:
            OutOfMemoryBudget: `memory_budget` is too small for the model. It is said here because
                `SimpleDirectoryReader` passes on no error of a reader as it is.
        """
        if self._looks:
            self.check_budget()
        return dict.fromkeys((*IMAGE_SUFFIXES, *NOT_READ), self)

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
        place = Place(file, fs, extra_info)
        opened = self._attempt(self._open, place)
        if isinstance(opened, SmolVLMError):
            yield from self._failed(place, opened)
            return
        pages, numbers = opened
        with pages:
            for window in self._windows(numbers):
                found = [self._attempt(self._see, pages, number) for number in window]
                looked = self._look(_sights(found))
                for number, seen, said in zip(window, found, looked, strict=True):
                    yield from self._tell(place, (number, len(pages)), seen, said)

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
        place = Place(file, fs, extra_info)
        opened = await asyncio.to_thread(self._attempt, self._open, place)
        if isinstance(opened, SmolVLMError):
            for each in self._failed(place, opened):
                yield each
            return
        pages, numbers = opened
        try:
            for window in self._windows(numbers):
                found = [
                    await asyncio.to_thread(self._attempt, self._see, pages, n) for n in window
                ]
                looked = await self._alook(_sights(found))
                for number, seen, said in zip(window, found, looked, strict=True):
                    told = await asyncio.to_thread(  # encoding a large page takes a while
                        self._tell, place, (number, len(pages)), seen, said
                    )
                    for each in told:
                        yield each
        finally:  # it may wait for a page that is being rendered
            asyncio.get_running_loop().run_in_executor(None, pages.close)

    def _look(self, found: Sequence[Found]) -> list[Said]:
        with or_too_small():
            return super()._look(found)

    async def _alook(self, found: Sequence[Found]) -> list[Said]:
        with or_too_small():
            return await super()._alook(found)

    def _open(self, place: Place) -> tuple[Pages, Sequence[int]]:
        source, fs = place.file, place.fs
        if fs is not None:
            source = read_from(fs, place.path, self._rules)
        with or_missing():
            pages = open_pages(
                source, self._rules, password=self.password, longest_edge=self.longest_edge
            )
        chosen = parse_pages(self.pages)
        if chosen is None:
            return pages, range(1, len(pages) + 1)
        try:
            return pages, chosen.numbers(len(pages), repr(place.path))
        except BadOptions:
            pages.close()
            raise

    def _see(self, pages: Pages, number: int) -> _Seen:
        own = None
        if "transcription" in self._looks:
            own = read_own_text(pages, number, self.text)
        if not self.keep_image and own and own.is_used and self._looks == ("transcription",):
            return _Seen(Sight(None, None, own), None)
        with or_missing():  # pillow-heif, for HEIC files
            page = pages.read(number)
        return _Seen(Sight(page.encoded, page.sha256, own), page)

    def _tell(
        self, place: Place, which: tuple[int, int], seen: _Seen | SmolVLMError, said: Said
    ) -> list[Document]:
        number, total = which
        of_place = metadata.of_place(number, total)
        if isinstance(seen, SmolVLMError):
            return self._failed(place, seen, of_place)
        wrong = first_error(said)
        if wrong is not None and self.on_error == "skip":
            return self._failed(place, self._tolerate(wrong), of_place)
        text, about = metadata.of_outcomes(said, self._tolerate, seen.sight.own)
        page = seen.page
        of_image = metadata.of_image(page) if page else {}
        image = place.image(page) if page and self.keep_image else None
        return [_document(place, {**of_place, **of_image, **about}, text, image)]

    def _failed(
        self, place: Place, error: SmolVLMError, of_place: Mapping[str, Any] | None = None
    ) -> list[Document]:
        """What `on_error` makes of a file, or of a page of it."""
        if self.on_error == "skip":
            page = f", page {of_place[metadata.PAGE]}" if of_place else ""
            LOG.warning("left out %s%s: %s", place.path, page, error)
            return []
        return [_document(place, {**(of_place or {}), **metadata.of_error(error)})]


class _Seen(NamedTuple):
    """A page; `page` is None where neither the model nor the document needs its image."""

    sight: Sight
    page: Page | None


def _sights(found: Sequence[_Seen | SmolVLMError]) -> list[Found]:
    return [seen.sight if isinstance(seen, _Seen) else seen for seen in found]


def _document(
    place: Place, about: Mapping[str, Any], text: str = "", image: MediaResource | None = None
) -> Document:
    given = dict(place.extra_info or {})
    document = Document(
        text_resource=MediaResource(text=text), image_resource=image, metadata=given
    )
    source = {} if metadata.FILE in given else {metadata.FILE: place.path}
    metadata.write(document, {**source, **about})
    return document
