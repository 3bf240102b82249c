"""Images and pages of documents → LangChain documents: `SmolVLMBlobParser`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from smolvlm_tools import (
    EngineSource,
    ImagePolicy,
    RequestOptions,
    SmolVLM,
    ask_messages,
    check_load_options,
    check_request_options,
    describe_messages,
    engine_source,
    transcribe_messages,
)
from smolvlm_tools.errors import BadOptions, SmolVLMError
from smolvlm_tools.images import ImageSource, PolicyLike
from smolvlm_tools.ingest import (
    Answers,
    ImageRequest,
    Outcome,
    OwnText,
    TextFrom,
    read_own_text,
)
from smolvlm_tools.pages import (
    LONGEST_EDGE,
    MAX_PAGES,
    Page,
    Pages,
    check_page_limits,
    open_pages,
    parse_pages,
)
from smolvlm_tools.types import Message, Task, VisionResult

from .records import Place, document, failure, is_of_one

Mode: TypeAlias = Literal["caption", "transcription", "both"]
OnError: TypeAlias = Literal["raise", "skip", "record"]
Look: TypeAlias = Literal["caption", "transcription", "answer"]
Read: TypeAlias = Callable[[ImagePolicy], ImageSource]
"""Gives a file."""

T = TypeVar("T")

_LOOKS: Mapping[str, tuple[Look, ...]] = {
    "caption": ("caption",),
    "transcription": ("transcription",),
    "both": ("caption", "transcription"),
}
_TASKS: Mapping[Look, Task] = {
    "caption": "describe", "transcription": "transcribe", "answer": "ask",
}  # fmt: skip
_CHOICES = {
    "mode": tuple(_LOOKS),
    "text": ("auto", "layer", "model"),
    "on_error": ("raise", "skip", "record"),
}
_LOG = logging.getLogger("langchain_smolvlm")


class _Seen(NamedTuple):
    """One page as far as it was needed.

    Attributes:
        own: its own text, if it was asked for.
        page: None where nobody has to look at it.
    """

    own: OwnText | None
    page: Page | None

    @property
    def is_read(self) -> bool:
        """Whether its own text is the transcription."""
        return self.own is not None and self.own.is_used


@dataclass(frozen=True)
class SmolVLMBlobParser(BaseBlobParser):
    """Makes one document of every image and every page of a PDF or TIFF file or animation.

        >>> from langchain_core.documents.base import Blob
        >>> from langchain_smolvlm import SmolVLMBlobParser
        >>> parser = SmolVLMBlobParser(model="embedded", question="What color is the circle?")
        >>> [page] = parser.lazy_parse(Blob.from_path("examples/images/shapes.png"))
        >>> page.page_content, page.metadata["total_pages"]
        ('red', 1)

    For whole folders there is `SmolVLMLoader`. `model` and `load_options` are for `SmolVLM.load`;
    the engine is loaded when the first page needs it.

    Attributes:
        policy: which files are let in: "trusted", "agent", "public" or an `ImagePolicy`. None for
            any that you name, decoded in a child process, because others have made them.
        mode: what to make a document's text of: a "caption", the "transcription" of the text in the
            image, or "both" with an empty line between.
        question: ask this instead.
        text: where a transcription comes from. "auto": from the text layer of a PDF page where it
            is sound, else from the model; "layer": whatever the layer says, never from
            the model; "model": always from it. `text_source` of the metadata says what it was,
            `flags` what is wrong with a layer.
        pages: which pages of every document: "1-3,7", "2-" or a number; None for all.
        on_error: what to do with a file or page that cannot be read: "raise", "skip" with a warning
            in the log, or "record" it as a document without text, with `error` (a code) and
            `error_reason` in its metadata.
        cache: path of a file that keeps the model's replies, so that an interrupted run goes on
            where it was. It may be shared between processes.
        password: of encrypted PDF files.
        longest_edge: of rendered PDF pages, in pixels.
        max_pages: a document with more is refused.
        options: keywords of every request, such as {"max_new_tokens": 1024}.
        engine: a loaded engine to use instead of the shared one.
    """

    model: str = "256m"
    mode: Mode = "transcription"
    question: str | None = None
    policy: PolicyLike | None = None
    password: str | None = field(default=None, repr=False)
    longest_edge: int = LONGEST_EDGE
    max_pages: int = MAX_PAGES
    load_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: RequestOptions = field(default_factory=RequestOptions)
    engine: SmolVLM | None = field(default=None, repr=False)
    text: TextFrom = "auto"
    pages: str | int | None = None
    on_error: OnError = "raise"
    cache: str | PathLike[str] | None = None
    _source: EngineSource = field(init=False, repr=False, compare=False)
    _answers: Answers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            chosen = getattr(self, name)
            if chosen not in choices:
                raise BadOptions(f"unknown {name} {chosen!r}", f"Use one of {', '.join(choices)}.")
        parse_pages(self.pages)
        ImagePolicy.named(self.policy, "trusted")  # refuses a typo
        check_page_limits(self.longest_edge, self.max_pages)
        check_request_options(self.options)
        check_load_options(self.model, **self.load_options)
        if self.cache is not None and not isinstance(cast("object", self.cache), (str, PathLike)):
            raise BadOptions(f"cache={self.cache!r:.60} is no path", "Name a file.")
        source = engine_source(self.engine, self.model, **self.load_options)
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_answers", Answers(source, self.cache))

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """One document for each page, made when it is asked for.

        Raises:
            InputError: the blob, or a page of it, cannot be read.
        """
        yield from self.lazy_read(Place.of(blob), lambda policy: _data_of(blob))

    async def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """`lazy_parse` for an event loop; cancelling the task stops the engine."""
        whole = await asyncio.to_thread(Place.of, blob)
        async for each in self.alazy_read(whole, lambda policy: _data_of(blob)):
            yield each

    def lazy_read(self, whole: Place, read: Read) -> Iterator[Document]:
        """`lazy_parse` for what a loader has found."""
        opened = self._attempt(self._open, whole, read)
        if isinstance(opened, SmolVLMError):
            yield from self._failed(whole, opened)
            return
        pages, numbers = opened
        with pages:
            for number in numbers:
                place = whole._replace(number=number, total=len(pages))
                seen = self._attempt(self._see, pages, number)
                outcomes = self._answers.answer(self._requests(seen))
                yield from self._tell(place, seen, outcomes)

    async def alazy_read(self, whole: Place, read: Read) -> AsyncIterator[Document]:
        """`lazy_read` for an event loop."""
        opened = await asyncio.to_thread(self._attempt, self._open, whole, read)
        if isinstance(opened, SmolVLMError):
            for each in self._failed(whole, opened):
                yield each
            return
        pages, numbers = opened
        with pages:
            for number in numbers:
                place = whole._replace(number=number, total=len(pages))
                seen = await asyncio.to_thread(self._attempt, self._see, pages, number)
                outcomes = await self._answers.aanswer(self._requests(seen))
                for each in self._tell(place, seen, outcomes):
                    yield each

    def close(self) -> None:
        """Give the shared engine up; its last user frees the weights."""
        self._source.release()

    def _failed(self, place: Place, error: SmolVLMError) -> list[Document]:
        """What `on_error` makes of a file, or of a page of it."""
        if self.on_error == "raise" or not is_of_one(error):
            raise error
        if self.on_error == "record":
            return [failure(place, error)]
        _LOG.warning("left out %s: %s", place, error)
        return []

    def _open(self, whole: Place, read: Read) -> tuple[Pages, Sequence[int]]:
        pages = open_pages(
            read(self._rules),
            self._rules,
            password=self.password,
            longest_edge=self.longest_edge,
            max_pages=self.max_pages,
        )
        chosen = parse_pages(self.pages)
        if chosen is None:
            return pages, range(1, len(pages) + 1)
        try:
            return pages, chosen.numbers(len(pages), whole.source)
        except BadOptions:
            pages.close()
            raise

    def _see(self, pages: Pages, number: int) -> _Seen:
        own = None
        if "transcription" in self._looks:
            own = read_own_text(pages, number, self.text)
        seen = _Seen(own, None)
        if seen.is_read and self._looks == ("transcription",):
            return seen
        return seen._replace(page=pages.read(number))

    @property
    def _rules(self) -> ImagePolicy:
        return ImagePolicy.named(self.policy, ImagePolicy(isolate=True))

    @property
    def _looks(self) -> tuple[Look, ...]:
        return _LOOKS[self.mode] if self.question is None else ("answer",)

    def _requests(self, seen: _Seen | SmolVLMError) -> list[ImageRequest]:
        if isinstance(seen, SmolVLMError) or seen.page is None:
            return []
        page = seen.page
        return [
            ImageRequest(
                self._messages(look, page),
                {"policy": self._rules, **self.options, "task": _TASKS[look]},
                page.sha256,
                page.ref,
            )
            for look in self._looks
            if not (look == "transcription" and seen.is_read)
        ]

    def _messages(self, look: Look, page: Page) -> tuple[Message, ...]:
        if look == "caption":
            return describe_messages(page.encoded)
        if look == "transcription":
            return transcribe_messages(page.encoded)
        return ask_messages(page.encoded, self.question or "")

    def _tell(
        self, place: Place, seen: _Seen | SmolVLMError, outcomes: Sequence[Outcome]
    ) -> list[Document]:
        if isinstance(seen, SmolVLMError):
            return self._failed(place, seen)
        for outcome in outcomes:
            if isinstance(outcome, SmolVLMError):
                return self._failed(place, outcome)
        said = [outcome for outcome in outcomes if isinstance(outcome, VisionResult)]
        return [document(place, seen.page, seen.own, said)]

    def _attempt(self, read: Callable[..., T], *where: Any) -> T | SmolVLMError:
        """What `read` returns, or its error if that is about one file or page and tolerated."""
        try:
            return read(*where)
        except SmolVLMError as error:
            if self.on_error == "raise" or not is_of_one(error):
                raise
            return error


def _data_of(blob: Blob) -> ImageSource:
    return blob.path if blob.data is None and blob.path is not None else blob.as_bytes()
