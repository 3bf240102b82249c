"""`SmolVLMLLM`: SmolVLM as a LlamaIndex LLM that sees."""
# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate
from llama_index.readers.smolvlm.generation import GenerationSettings, by_our_names
from PIL import Image
from pydantic import PrivateAttr

from smolvlm_tools import GenerationOptions, ImagePolicy, RequestOptions, open_checkpoint

from .messages import asking_for_json, to_chat_response, to_completion, to_messages
from .structured import Model, for_class, instance


class SmolVLMLLM(GenerationSettings, LLM):
    """SmolVLM on this machine as an LLM whose messages may hold images.

        >>> from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
        >>> from llama_index.llms.smolvlm import SmolVLMLLM
        >>> llm = SmolVLMLLM(model="embedded")
        >>> llm.chat([ChatMessage(blocks=[
        ...     ImageBlock(path="examples/images/shapes.png"),
        ...     TextBlock(text="What color is the circle?"),
        ... ])]).message.content
        'red'

    Every field of generation may also be given with a call, as may `answer`, `min_confidence` and
    the other keywords of `smolvlm_tools.RequestOptions`. `raw` of a response, of a stream's
    last, is the `VisionResult` as a dict. It calls no functions: SmolVLM was not trained to.

    Attributes:
        policy: which images of messages are let in; None is "agent": files below the working
            directory and public URLs, because others than you write the messages. Also a keyword
            of calls.

    How a model is loaded: see `EngineSettings`; how it generates: see `GenerationSettings`.
    """

    _context_window: int | None = PrivateAttr(default=None)

    @classmethod
    def class_name(cls) -> str:
        return "SmolVLMLLM"

    @property
    def metadata(self) -> LLMMetadata:
        default = GenerationOptions().max_new_tokens
        return LLMMetadata(
            context_window=self._read_context_window(),
            num_output=self.max_new_tokens or self.max_tokens or default,
            is_chat_model=True,
            is_function_calling_model=False,
            model_name=self.model,
            system_role=MessageRole.SYSTEM,
        )

    def to_payload(self) -> dict[str, Any]:
        """For observers: without `metadata`, which reads files and is asked for in event loops."""
        return {"class_name": self.class_name(), "model_name": self.model}

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        return self._chunks(messages, kwargs)

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        return self._achunks(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return to_completion(self._chat(_turn(prompt), kwargs))

    @llm_completion_callback()
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        return to_completion(await self._achat(_turn(prompt), kwargs))

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        return (to_completion(chunk) for chunk in self._chunks(_turn(prompt), kwargs))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        return (to_completion(chunk) async for chunk in self._achunks(_turn(prompt), kwargs))

    def structured_predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        output_cls: type[Model],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """An instance of a pydantic class: decoding allows nothing else.

        The messages of the prompt may hold images. The last is ended by `smolvlm_tools.IN_JSON`,
        unless it speaks of JSON itself.

        Raises:
            IncompleteAnswer: the reply is cut, unsure, or refused by the class's own validators.
                With `on_incomplete="complete"`, of the LLM or in `llm_kwargs`, a cut one is ended
                in the shortest valid way instead.
            SchemaNotSupported: its schema cannot be enforced.
        """
        messages = asking_for_json(self._get_messages(prompt, **prompt_args))
        options = for_class(output_cls, self.on_incomplete, llm_kwargs)
        return instance(output_cls, self.chat(messages, **options))

    async def astructured_predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        output_cls: type[Model],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        messages = asking_for_json(self._get_messages(prompt, **prompt_args))
        options = for_class(output_cls, self.on_incomplete, llm_kwargs)
        return instance(output_cls, await self.achat(messages, **options))

    def stream_structured_predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        output_cls: type[Model],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model, None, None]:
        """`structured_predict` as a stream of one: half of an answer would not fit the class."""
        yield self.structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    async def astream_structured_predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        output_cls: type[Model],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model, None]:
        """`stream_structured_predict` for an event loop; to be awaited, then iterated."""

        async def one() -> AsyncGenerator[Model, None]:
            yield await self.astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

        return one()

    def _chat(self, messages: Sequence[ChatMessage], given: dict[str, Any]) -> ChatResponse:
        engine, options = self._get_engine(), self._options(given)
        result = engine.generate(to_messages(messages), **options)
        return to_chat_response(result.text, result)

    async def _achat(self, messages: Sequence[ChatMessage], given: dict[str, Any]) -> ChatResponse:
        turns = await asyncio.to_thread(to_messages, messages)  # it decodes images' base64
        engine, options = await self._aget_engine(), self._options(given)
        result = await engine.agenerate(turns, **options)
        return to_chat_response(result.text, result)

    def _chunks(
        self, messages: Sequence[ChatMessage], given: dict[str, Any]
    ) -> Generator[ChatResponse, None, None]:
        text = ""
        engine, options = self._get_engine(), self._options(given)
        with engine.stream(to_messages(messages), **options) as reply:
            for chunk in reply:
                text += chunk.text
                if chunk.text or chunk.result:
                    yield to_chat_response(text, chunk.result, chunk.text)

    async def _achunks(
        self, messages: Sequence[ChatMessage], given: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        text, turns = "", await asyncio.to_thread(to_messages, messages)
        engine, options = await self._aget_engine(), self._options(given)
        async with engine.astream(turns, **options) as reply:
            async for chunk in reply:
                text += chunk.text
                if chunk.text or chunk.result:
                    yield to_chat_response(text, chunk.result, chunk.text)

    def _options(self, given: dict[str, Any]) -> RequestOptions:
        # Others write the messages than who has loaded the engine, which may be a given one.
        policy = ImagePolicy.named(given.get("policy"), self.policy or "agent")
        merged = {**self.request_options(), **by_our_names(given), "policy": policy}
        return cast("RequestOptions", merged)

    def _read_context_window(self) -> int:
        """From the checkpoint's configuration; no weights are loaded for it."""
        if self._context_window is None:
            if self._engine is not None:
                any_image = Image.new("RGB", (64, 64))
                self._context_window = self._engine.plan(any_image).context_length
            else:
                names = ("revision", "local_files_only")
                where = {k: v for k, v in self.loading().items() if k in names}
                checkpoint = open_checkpoint(self.model, **where)
                self._context_window = checkpoint.config.text.context_length
        return self._context_window


def _turn(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]
