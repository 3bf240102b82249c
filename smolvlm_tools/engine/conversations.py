"""Conversations with an engine: one or many, whole or in chunks, with twins for event loops."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from typing_extensions import Unpack

from ..cache import Look
from ..constraints.answers import is_ready
from ..prompt.questions import Ask, Questions, naming, parse_questions
from ..prompt.request import Request, RequestOptions, each_options
from ..prompt.tasks import Images
from ..types import MessageLike, Task, VisionResult
from .batching import Outcomes, answer_all, answer_all_async
from .many import NamedReply, make_requests
from .reply import AsyncReplyStream, Channel, ReplyStream
from .task_methods import TaskMethods


class Conversations(TaskMethods):
    """Generate, stream, batch. How a request is made and answered is the subclass's business."""

    @abstractmethod
    def _request(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None
    ) -> Request:
        """Check a request."""

    @abstractmethod
    def _submit(self, request: Request, channel: Channel, look: Look | None = None) -> None:
        """Have it answered through a channel; a look is shared with other requests."""

    def generate(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> VisionResult:
        """Answer a conversation.

        Args:
            messages: `Message` objects, or transformers' dict form:
                `{"role": "user", "content": [{"type": "image", "image": SOURCE},
                {"type": "text", "text": "…"}]}`.
            options: see the class.
        """
        return self._start(messages, options).result()

    def stream(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> ReplyStream:
        """Answer a conversation chunk by chunk: one `StreamChunk` per generated token."""
        return self._start_request(self._streamed(messages, options))

    def batch(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        *,
        each: Sequence[RequestOptions] | None = None,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Outcomes:
        """Answer many conversations, decoding up to `batch_size` of them together.

        A reply is the same as alone. However many there are, no more than the queue holds wait in
        the engine.

        Args:
            conversations: one list of messages for each reply; see `generate`.
            each: options of the single conversations, which win over the common ones.
            return_exceptions: put a failed conversation's error in its place instead of raising
                the first one.
            options: common to all; see the class.

        Returns:
            One result for each conversation, in their order.
        """
        requests = self._requests(conversations, each, options)
        return answer_all(
            [partial(self._start_request, request) for request in requests],
            return_exceptions=return_exceptions,
        )

    async def abatch(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        *,
        each: Sequence[RequestOptions] | None = None,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Outcomes:
        """`batch` for an event loop."""
        return await answer_all_async(
            [
                partial(self._answer_request, request)
                for request in self._requests(conversations, each, options)
            ],
            at_once=self._at_once,
            return_exceptions=return_exceptions,
        )

    def ask_many(
        self,
        image: Images,
        questions: Questions,
        *,
        context: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> dict[str, VisionResult]:
        """Answer several questions about an image, which is looked at once.

        The image is loaded, encoded and read by the first question; each other one costs little
        more than reading its own words, whether caches are on or not. Their replies are decoded
        together and are the same as those of `ask`. Only where memory does not suffice otherwise
        are images read again.

            >>> vlm.ask_many("shapes.png", {
            ...     "count": Ask("How many shapes are there?", int),
            ...     "colour": "What color is the circle?",
            ... })["count"].value
            3

        Args:
            image: any source `load_image` takes, or several, as a list or tuple.
            questions: by name, each an `Ask` or a text.
            context: text that surrounds the image, for questions that have none of their own.
            options: common to all questions, and below their own; see the class. `cancel` ends all
                of them. `on_progress` is told of all as of one request: "prefill" counts the
                questions that are read, "decode" the tokens of all replies.

        Returns:
            One result for each question, by its name and in their order. Each counts in `usage`
            what it took itself, so the first has the tiles.

        Raises:
            BadPrompt, BadOptions, SchemaNotSupported: a question is wrong; the reason names it,
                and nothing has run.
        """
        asked = parse_questions(questions)
        requests = self._questions(image, asked, context, options)
        look = Look(len(requests))
        try:
            results = answer_all(
                [partial(self._start_named, *each, look) for each in requests.items()],
                return_exceptions=False,
            )
        finally:
            look.close()
        return _by_name(requests, results)

    async def aask_many(
        self,
        image: Images,
        questions: Questions,
        *,
        context: str | None = None,
        **options: Unpack[RequestOptions],
    ) -> dict[str, VisionResult]:
        """`ask_many` for an event loop; cancelling the task stops the engine."""
        asked = parse_questions(questions)
        requests = await asyncio.to_thread(self._questions, image, asked, context, options)
        look = Look(len(requests))
        try:
            results = await answer_all_async(
                [partial(self._answer_named, *each, look) for each in requests.items()],
                at_once=self._at_once,
                return_exceptions=False,
            )
        finally:
            look.close()
        return _by_name(requests, results)

    async def agenerate(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> VisionResult:
        """`generate` for an event loop; cancelling the task stops the engine."""
        return await self._aanswer(messages, options)

    def astream(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> AsyncReplyStream:
        """`stream` for an event loop: `async for chunk in vlm.astream(messages)`."""
        return self._astart_request(self._streamed(messages, options))

    async def abegin(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> AsyncReplyStream:
        """`astream` for a busy event loop: a typed answer's grammar is compiled on a thread."""
        if is_ready(options.get("answer")):
            return self.astream(messages, **options)
        request = await asyncio.to_thread(self._streamed, messages, options)
        return self._astart_request(request)

    def _streamed(self, messages: Sequence[MessageLike], options: RequestOptions) -> Request:
        return replace(self._request(messages, options, None), is_streamed=True)

    def _start(
        self,
        messages: Sequence[MessageLike],
        options: RequestOptions,
        task: Task | None = None,
    ) -> ReplyStream:
        return self._start_request(self._request(messages, options, task))

    async def _aanswer(
        self,
        messages: Sequence[MessageLike],
        options: RequestOptions,
        task: Task | None = None,
    ) -> VisionResult:
        if is_ready(options.get("answer")):
            request = self._request(messages, options, task)
        else:  # a grammar can take a second to compile
            request = await asyncio.to_thread(self._request, messages, options, task)
        return await self._answer_request(request)

    def _start_request(self, request: Request, look: Look | None = None) -> ReplyStream:
        reply = ReplyStream(request.cancel)
        self._submit(request, reply.channel, look)
        return reply

    def _astart_request(self, request: Request, look: Look | None = None) -> AsyncReplyStream:
        reply = AsyncReplyStream(request.cancel)
        self._submit(request, reply.channel, look)
        return reply

    async def _answer_request(self, request: Request, look: Look | None = None) -> VisionResult:
        return await self._astart_request(request, look).result()

    def _questions(
        self, image: Images, asked: Mapping[str, Ask], context: str | None, options: RequestOptions
    ) -> dict[str, Request]:
        def make(messages: Sequence[MessageLike], options: RequestOptions) -> Request:
            return self._request(messages, options, "ask")

        return make_requests(make, image, asked, context, options)

    def _start_named(self, name: str, request: Request, look: Look) -> NamedReply:
        return NamedReply(name, self._start_request(request, look))

    async def _answer_named(self, name: str, request: Request, look: Look) -> VisionResult:
        with naming(name):
            return await self._answer_request(request, look)

    def _requests(
        self,
        conversations: Sequence[Sequence[MessageLike]],
        each: Sequence[RequestOptions] | None,
        options: RequestOptions,
    ) -> list[Request]:
        return [
            self._request(messages, own, None)
            for messages, own in zip(
                conversations, each_options(len(conversations), each, options), strict=True
            )
        ]


def _by_name(names: Iterable[str], results: Outcomes) -> dict[str, VisionResult]:
    return dict(zip(names, cast("list[VisionResult]", results), strict=True))
