"""`ChatSmolVLM`: SmolVLM as a LangChain chat model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from smolvlm_tools import AsyncReplyStream, Message, RequestOptions, SmolVLM
from smolvlm_tools.tools import report_loading
from smolvlm_tools.types import OnIncomplete

from .configured import Configured
from .incoming import for_traces, hold_input, with_file_states
from .messages import to_messages
from .no_tools import tools_not_supported
from .progress import Tell, to_both, to_graph
from .replies import to_chat_result, to_chunks
from .structured import Method, Schema, structured
from .waiting import awith_room, with_room


class ChatSmolVLM(Configured):
    """SmolVLM on this machine as a chat model that sees.

        >>> from langchain_smolvlm import ChatSmolVLM
        >>> chat = ChatSmolVLM(model="embedded")
        >>> chat.invoke([{"role": "user", "content": [
        ...     {"type": "image", "path": "examples/images/shapes.png"},
        ...     {"type": "text", "text": "What color is the circle?"},
        ... ]}]).text
        'red'

    The weights are loaded by the first call, once for all models of the process that are configured
    alike. Every field of generation may also be given with a call, as may `model`, `answer`,
    `min_confidence`, `task` and the other keywords of `RequestOptions`.

    `bind_tools` raises `ToolsNotSupported`: SmolVLM was not trained to choose among tools (see
    docs/adr/0011-langchain-no-bind-tools.md).

    Attributes:
        model: a checkpoint; this and the following are keywords of `SmolVLM.load`.
        policy: which images of messages are let in, also where an `engine` has another policy:
            "trusted", "agent", "public" or an `ImagePolicy`. None is "agent": files below the
            working directory and public URLs, because others than you write the messages. Also a
            keyword of calls.
        load_options: the other keywords of `SmolVLM.load`.
        max_new_tokens: this and the following are fields of `GenerationOptions`; None for its
            default.
        max_tokens: LangChain's name for `max_new_tokens`, which wins.
        min_confidence: this and the following are the policy of `RequestOptions`; see
            docs/confidence.md.
        busy_timeout: seconds that a call waits for room in the engine's queue, which holds
            `load_options={"max_queue": N}` requests; 0 raises `Busy` at once.
        streaming: whether `invoke` too runs by streaming.
        engine: a loaded engine to use instead of the shared one. It is not pickled.
    """

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        prompt = super()._convert_input(model_input)
        return ChatPromptValue(messages=for_traces(prompt.to_messages()))

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        held = await asyncio.to_thread(hold_input, input)  # digests of megabytes take a while
        return await super().ainvoke(held, config, **kwargs)

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        held = await asyncio.to_thread(hold_input, input)
        inner = cast("AsyncGenerator[AIMessageChunk]", super().astream(held, config, **kwargs))
        async with aclosing(inner) as chunks:
            async for chunk in chunks:
                yield chunk

    def astream_events(self, input: LanguageModelInput, *args: Any, **kwargs: Any) -> Any:
        """See `Runnable.astream_events`; the first event has no image data in its input."""
        return super().astream_events(hold_input(input), *args, **kwargs)

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        completed = [self._complete(m) for m in messages]
        return super().generate(completed, stop, callbacks, **kwargs)

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        completed = [await asyncio.to_thread(self._complete, m) for m in messages]
        return await super().agenerate(completed, stop, callbacks, **kwargs)

    def _complete(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """What LangChain makes its traces and cache keys of: a replaced file is another key."""
        completed = for_traces(messages)
        cached = self.cache is not False and (self.cache or get_llm_cache())
        return with_file_states(completed) if cached else completed

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        conversation, options, tell = self._job(messages, stop, kwargs)
        start = partial(self._get(kwargs, tell).generate, conversation, **options)
        return to_chat_result(with_room(start, self.busy_timeout))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        conversation, options, tell = self._job(messages, stop, kwargs)
        engine = await self._aget(kwargs, tell)
        start = partial(engine.agenerate, conversation, **options)
        return to_chat_result(await awith_room(start, self.busy_timeout))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        conversation, options, tell = self._job(messages, stop, kwargs)
        start = partial(self._get(kwargs, tell).stream, conversation, **options)
        with with_room(start, self.busy_timeout) as reply:
            for item in reply:
                for chunk in to_chunks(item):
                    if run_manager:
                        run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        conversation, options, tell = self._job(messages, stop, kwargs)
        engine = await self._aget(kwargs, tell)

        async def start() -> AsyncReplyStream:
            return engine.astream(conversation, **options)

        async with await awith_room(start, self.busy_timeout) as reply:
            async for item in reply:
                for chunk in to_chunks(item):
                    if run_manager:
                        await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
                    yield chunk

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Answer many inputs, decoding up to the engine's `batch_size` of them together."""
        return super().batch(inputs, self._bounded(config, len(inputs)), **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        return await super().abatch(inputs, self._bounded(config, len(inputs)), **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        on_incomplete: OnIncomplete | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A runnable whose replies fit a schema, because nothing else can be decoded.

        A stream of it is one value: half of an answer would not fit the schema.

        Args:
            schema: a pydantic class, a TypedDict or a JSON schema; None for any JSON object.
            include_raw: return {"raw": the message, "parsed": the value, "parsing_error": …}.
            method: makes no difference.
            strict: makes no difference: the schema is always kept.
            on_incomplete: what to do with a reply that is cut, unsure (`min_confidence`) or
                refused by the class: "raise", "abstain" (the value is None), or "complete" (end a
                cut one in the shortest valid way; otherwise as "raise"). By default that of the
                model, or "raise".
            kwargs: keywords of the calls.

        Raises:
            IncompleteAnswer: when it is called: see `on_incomplete`. With `include_raw` it is the
                "parsing_error".
            SchemaNotSupported: when it is called: the schema cannot be enforced.
        """
        policy = on_incomplete or self.on_incomplete or "raise"
        return structured(self.bind, schema, include_raw, method, policy, kwargs)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Raise `ToolsNotSupported`, which says what to use instead."""
        raise tools_not_supported({**kwargs, "tools": tools or None})

    def get_token_ids(self, text: str) -> list[int]:
        """The tokens of a text by itself, by the model's own tokenizer; no weights are loaded."""
        return self._source({}).encode(text)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> int:
        """Tokens of the whole prompt, images included: `input_tokens` of the reply's usage.

        Images are read for it, but the model does not run and no weights are loaded. There may be
        more tokens than the context holds.

        Args:
            messages: what `invoke` would be given.
            tools: not supported.
            kwargs: keywords of the call that the prompt depends on, such as `resolution`.

        Raises:
            ToolsNotSupported: there are tools.
            SmolVLMError: what is wrong with the messages, or with loading as far as it is known.
        """
        conversation, options, _ = self._job(messages, None, {**kwargs, "tools": tools or None})
        return self._source(kwargs).count_tokens(conversation, **options)

    def _job(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, call: Mapping[str, Any]
    ) -> tuple[list[Message], RequestOptions, Tell | None]:
        """What to ask the engine, how, and whom to tell of its progress."""
        options, tell = self._options(call, stop), to_graph(type(self).__name__)
        if tell is not None:
            options["on_progress"] = to_both(tell, options.get("on_progress"))
        return to_messages(messages), options, tell

    def _get(self, call: Mapping[str, Any], tell: Tell | None) -> SmolVLM:
        source = self._source(call)
        with report_loading(tell, loaded=source.loaded is not None):
            return source.get()

    async def _aget(self, call: Mapping[str, Any], tell: Tell | None) -> SmolVLM:
        source = self._source(call)
        with report_loading(tell, loaded=source.loaded is not None):
            return await source.aget()
