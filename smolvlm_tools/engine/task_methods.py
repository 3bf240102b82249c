"""The ready-made tasks of an engine, each with its twin for event loops."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

from pydantic import BaseModel
from typing_extensions import Unpack

from ..images import ImagePolicy
from ..machine.stopping import stoppable_by
from ..machine.threads import check_of, in_thread
from ..prompt.request import RequestOptions, parse_cancel, parse_policy
from ..prompt.tasks import (
    Images,
    ask_messages,
    describe_messages,
    extract_messages,
    schema_of,
    transcribe_messages,
)
from ..types import Detail, MessageLike, Task, TextLayout, VisionResult
from ..types.checks import CheckedText, CheckName
from .batching import answer_all, answer_all_async
from .crosscheck import CheckMemory, open_checker, read_for_answer, read_for_answer_async
from .page_by_page import (
    PageReply,
    Part,
    join_pages,
    naming_page,
    open_parts,
    options_of_page,
    wants_film,
)
from .reply import ReplyStream

Model = TypeVar("Model", bound=BaseModel)
Schema: TypeAlias = Mapping[str, Any] | type[Model]
_Job: TypeAlias = tuple[Sequence[MessageLike], RequestOptions, Task]


class TaskMethods(ABC):
    """Describe, ask, transcribe, extract.

    Every `image` may be several, as a list or tuple, and a video: the model is shown some of its
    frames, with their times; `frames`, `start` and `end` choose them. `context` is text that
    surrounds the image, such as a caption or the paragraph it stands in; the model reads it before
    the task. The other options are those of `RequestOptions`.
    """

    _at_once: int
    """Most requests of one call that are in the engine at a time, in an event loop."""
    check_memory: CheckMemory
    """Raises `OutOfMemoryBudget` where what is described takes more bytes than the budget has."""

    @property
    @abstractmethod
    def _policy(self) -> ImagePolicy:
        """Which images are let in, of requests that say nothing of it."""

    @abstractmethod
    def _start(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None = None
    ) -> ReplyStream: ...

    @abstractmethod
    async def _aanswer(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None = None
    ) -> VisionResult: ...

    @property
    def policy(self) -> ImagePolicy:
        """Which images are let in, of requests that say nothing of it."""
        return self._policy

    def describe(
        self,
        image: Images,
        *,
        detail: Detail = "normal",
        context: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """Say in words what an image shows; `detail` is "brief", "normal" or "detailed"."""
        return self._start(*_describe(image, detail, context, options)).result()

    def ask(
        self,
        image: Images,
        question: str,
        *,
        context: str | None = None,
        check: CheckName | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """Answer a question about an image.

        With `answer=bool`, `int`, `float`, `datetime.date`, `Literal[...]`, `list[str]` or a
        pydantic model (see `RequestOptions`) the result's `value` is of that type, or None where
        the reply was cut, unsure or not valid; `on_incomplete` makes an error of that.

        With `check="ocr"` the result's `check.evidence` tells where the answer is printed.
        """
        read = read_for_answer(image, check, options, self._policy, self.check_memory, question)
        return read.judge(self._start(*_ask(read.images, question, context, options)).result())

    def transcribe(
        self,
        image: Images,
        *,
        layout: TextLayout = "plain",
        context: str | None = None,
        check: CheckName | None = None,
        source: CheckedText = "model",
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """Read the text in an image or a document.

        A document is read page after page, all of it or those of `pages`; the result has the
        pages' texts one after the other, and each page's own result in `pages`. An image that is
        blank by its pixels has no text: the model is not asked.

        Args:
            image: any source `load_image` takes, or several.
            layout: "plain" text with line breaks; "lines", where the result's `value` is a list of
                non-empty lines; "markdown".
            context: see the class.
            check: "ocr" has RapidOCR (the extra `ocr`; else BackendUnavailable), "tesseract" that
                program read the images too: see the result's `check` and `confidence`. Of an image
                in which no word is recognised no text is handed out.
            source: with a check, whose text: "model", "ocr", or the "best" of both word by word.
            options: see the class.
        """
        policy = parse_policy(options.get("policy")) or self._policy
        checker = open_checker(check, source, policy, layout, self.check_memory)
        wanted = checker.options(options)
        with (
            stoppable_by(check_of(parse_cancel(options.get("cancel")))),
            open_parts(image, options.get("pages"), policy, is_film=wants_film(options)) as parts,
        ):
            if not parts.by_page:
                read = checker.transcription([part() for part in parts.each], options)
                job = _transcribe(read.images, layout, context, wanted)
                return read.judge(self._start(*job).result())

            def start(number: int, part: Part) -> PageReply:
                total = len(parts.each)
                with naming_page(number, total):
                    page, judge = checker.transcription(part(), options)
                own = options_of_page(wanted, number, total)
                reply = self._start(*_transcribe(page, layout, context, own))
                return PageReply(number, total, reply, judge)

            starts = [partial(start, *each) for each in enumerate(parts.each, 1)]
            results = answer_all(starts, return_exceptions=False)
        return join_pages(cast("list[VisionResult]", results))

    def extract(
        self,
        image: Images,
        schema: Schema[Model],
        *,
        context: str | None = None,
        check: CheckName | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """Fill in the fields of a schema from an image.

        Args:
            image: any source `load_image` takes, or several.
            schema: a JSON-schema dict, for a `value` of plain JSON data, or a pydantic class, for
                an instance. Descriptions of the top fields are shown to the model.
            context: see the class.
            check: as of `ask`.
            options: see the class.

        Returns:
            A result whose `value` always fits the schema, unless it abstained, and whose
            `field_confidence` tells how sure the model was of each value.

        Raises:
            IncompleteAnswer: with `on_incomplete="raise"`, where it would abstain.
            SchemaNotSupported: the schema cannot be enforced while decoding.
        """
        read = read_for_answer(image, check, options, self._policy, self.check_memory)
        return read.judge(self._start(*_extract(read.images, schema, context, options)).result())

    async def adescribe(
        self,
        image: Images,
        *,
        detail: Detail = "normal",
        context: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """`describe` for an event loop."""
        return await self._aanswer(*_describe(image, detail, context, options))

    async def aask(
        self,
        image: Images,
        question: str,
        *,
        context: str | None = None,
        check: CheckName | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """`ask` for an event loop."""
        read = await read_for_answer_async(
            image, check, options, self._policy, self.check_memory, question
        )
        return read.judge(await self._aanswer(*_ask(read.images, question, context, options)))

    async def atranscribe(
        self,
        image: Images,
        *,
        layout: TextLayout = "plain",
        context: str | None = None,
        check: CheckName | None = None,
        source: CheckedText = "model",
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """`transcribe` for an event loop."""
        policy = parse_policy(options.get("policy")) or self._policy
        cancel = parse_cancel(options.get("cancel"))
        opened = partial(open_checker, check, source, policy, layout, self.check_memory)
        checker = await in_thread(opened, cancel)
        wanted = checker.options(options)
        open_all = partial(open_parts, image, options.get("pages"), policy)
        parts = await in_thread(partial(open_all, is_film=wants_film(options)), cancel)
        try:
            if not parts.by_page:
                images = [await in_thread(part, cancel) for part in parts.each]
                read = await in_thread(partial(checker.transcription, images, options), cancel)
                return read.judge(
                    await self._aanswer(*_transcribe(read.images, layout, context, wanted))
                )

            async def answer(number: int, part: Part) -> VisionResult:
                total = len(parts.each)
                own = options_of_page(wanted, number, total)
                with naming_page(number, total):
                    page, judge = await in_thread(
                        lambda: checker.transcription(part(), options), cancel
                    )
                    return judge(await self._aanswer(*_transcribe(page, layout, context, own)))

            starts = [partial(answer, *each) for each in enumerate(parts.each, 1)]
            results = await answer_all_async(starts, at_once=self._at_once, return_exceptions=False)
        finally:
            await asyncio.to_thread(parts.close)
        return join_pages(cast("list[VisionResult]", results))

    async def aextract(
        self,
        image: Images,
        schema: Schema[Model],
        *,
        context: str | None = None,
        check: CheckName | None = None,
        **options: Unpack[RequestOptions],
    ) -> VisionResult:
        """`extract` for an event loop."""
        read = await read_for_answer_async(image, check, options, self._policy, self.check_memory)
        return read.judge(await self._aanswer(*_extract(read.images, schema, context, options)))


def _describe(image: Images, detail: Detail, context: str | None, options: RequestOptions) -> _Job:
    return describe_messages(image, detail, context), options, "describe"


def _ask(image: Images, question: str, context: str | None, options: RequestOptions) -> _Job:
    return ask_messages(image, question, context), options, "ask"


def _transcribe(
    image: Images, layout: TextLayout, context: str | None, options: RequestOptions
) -> _Job:
    messages = transcribe_messages(image, layout, context)
    if layout == "markdown":  # a text layer has no headings and tables
        options = {"text": "model", **options}
    if layout == "lines":
        from ..constraints import lines

        options = {**options, "answer": lines()}
    return messages, options, "transcribe"


def _extract(
    image: Images, schema: Schema[Any], context: str | None, options: RequestOptions
) -> _Job:
    messages = extract_messages(image, schema_of(schema), context)
    return messages, {**options, "answer": cast("Any", schema)}, "ask"
