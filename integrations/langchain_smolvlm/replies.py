"""The engine's replies → LangChain's: text, usage, and the result's fields as metadata."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from smolvlm_tools.types import StreamChunk, VisionResult

PROVIDER = "smolvlm"


def to_chat_result(result: VisionResult) -> ChatResult:
    """A whole reply."""
    message = AIMessage(
        content=result.text, usage_metadata=_usage(result), response_metadata=_metadata(result)
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def to_chunks(chunk: StreamChunk) -> list[ChatGenerationChunk]:
    """What one token added: its text, if it has any, and after the last one all about the reply."""
    chunks: list[ChatGenerationChunk] = []
    if chunk.text:
        chunks.append(ChatGenerationChunk(message=AIMessageChunk(content=chunk.text)))
    if chunk.result is not None:
        last = AIMessageChunk(
            content="",
            usage_metadata=_usage(chunk.result),
            response_metadata=_metadata(chunk.result),
            chunk_position="last",
        )
        chunks.append(ChatGenerationChunk(message=last))
    return chunks


def to_result(message: AIMessage) -> VisionResult:
    """The result that a whole message was made of, but for its tokens."""
    told = message.response_metadata
    fields = {name: told[name] for name in VisionResult.model_fields if name in told}
    return VisionResult(text=str(message.content), model=told["model_name"], **fields)


def _usage(result: VisionResult) -> UsageMetadata:
    usage = result.usage
    details: dict[str, int] = {"image": usage.image_tokens, "cache_read": usage.cached_tokens}
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details=InputTokenDetails(**details),  # type: ignore[typeddict-item]
    )


def _metadata(result: VisionResult) -> dict[str, Any]:
    """The result's fields as JSON data, under LangChain's names where it has some."""
    fields = result.model_dump(mode="json", exclude={"text", "tokens"}, exclude_none=True)
    metadata = {"model_name": fields.pop("model"), "model_provider": PROVIDER, **fields}
    if result.tokens is not None:
        metadata["logprobs"] = {  # in the form of OpenAI's chat completions
            "content": [
                {"token": token.text, "logprob": token.logprob, "bytes": list(token.text.encode())}
                for token in result.tokens
            ]
        }
    return metadata
