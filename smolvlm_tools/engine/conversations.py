"""Conversations with an engine: one or many, whole or in chunks, with twins for event loops."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

from typing_extensions import Unpack

from ..prompt.request import Request, RequestOptions, each_options
from ..types import MessageLike, Task, VisionResult
from .batching import Outcomes, answer_all, answer_all_async
from .reply import AsyncReplyStream, Channel, ReplyStream
from .task_methods import TaskMethods


class Conversations(TaskMethods):
    """Generate, stream, batch. How a request is made and answered is the subclass's business."""

    _at_once: int
    """Most requests of one batch that are in the engine at a time, in an event loop."""

    @abstractmethod
    def _request(
        self, messages: Sequence[MessageLike], options: RequestOptions, task: Task | None
    ) -> Request:
        """Check a request."""

    @abstractmethod
    def _submit(self, request: Request, channel: Channel) -> None:
        """Have it answered through a channel."""

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
        return self._start(messages, options)

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

    async def agenerate(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> VisionResult:
        """`generate` for an event loop; cancelling the task stops the engine."""
        return await self._aanswer(messages, options)

    def astream(
        self, messages: Sequence[MessageLike], **options: Unpack[RequestOptions]
    ) -> AsyncReplyStream:
        """`stream` for an event loop: `async for chunk in vlm.astream(messages)`."""
        return self._astart_request(self._request(messages, options, None))

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
        if options.get("answer") is None:
            request = self._request(messages, options, task)
        else:  # a grammar can take a second to compile
            request = await asyncio.to_thread(self._request, messages, options, task)
        return await self._answer_request(request)

    def _start_request(self, request: Request) -> ReplyStream:
        reply = ReplyStream(request.cancel)
        self._submit(request, reply.channel)
        return reply

    def _astart_request(self, request: Request) -> AsyncReplyStream:
        reply = AsyncReplyStream(request.cancel)
        self._submit(request, reply.channel)
        return reply

    async def _answer_request(self, request: Request) -> VisionResult:
        return await self._astart_request(request).result()

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
