"""LlamaIndex's messages ⇄ the engine's.

    TextBlock                           text
    ImageBlock(image | path | url)      an image, read by the engine under the LLM's policy
    DocumentBlock of an image or PDF    the same
    ThinkingBlock, CachePoint           left out: never said aloud, and a mark for other providers
    ToolCallBlock                       text

Any other block is an error, never left out. Of documents with several pages, the message's
`additional_kwargs["pages"]` ("1-3,7") says which are shown: LlamaIndex's blocks have no place for
that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
)
from llama_index.readers.smolvlm.held_images import source_of

from smolvlm_tools import IN_JSON
from smolvlm_tools.errors import BadPrompt, UnsupportedFormat
from smolvlm_tools.images import ImageSource
from smolvlm_tools.pages import parse_pages
from smolvlm_tools.types import ImagePart, Message, Role, TextPart, VisionResult

_Parts: TypeAlias = list[TextPart | ImagePart]

_ROLES: dict[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "user",
    MessageRole.FUNCTION: "user",
}
_RESULT_OF_A_TOOL = (MessageRole.TOOL, MessageRole.FUNCTION)


def to_messages(messages: Sequence[ChatMessage]) -> list[Message]:
    """The conversation as the engine takes it.

    SmolVLM's chat format has no place for tools: calls become text of the assistant, results
    become turns of the user.

    Raises:
        InputError: a block that the model cannot be given.
    """
    return [_message(message) for message in messages]


def _message(message: ChatMessage) -> Message:
    parts: _Parts = []
    if message.role in _RESULT_OF_A_TOOL:
        parts.append(TextPart(text="Tool result: "))
    chosen = parse_pages(message.additional_kwargs.get("pages"))
    for block in message.blocks:
        parts += _parts(block, chosen.text if chosen else None)
    return Message(role=_ROLES[message.role], content=tuple(parts) or (TextPart(text=""),))


def _parts(block: object, pages: str | None) -> _Parts:
    if isinstance(block, TextBlock):
        return [TextPart(text=block.text)]
    kind = getattr(block, "block_type", "")  # the older 0.14 releases lack some of the classes
    if kind in ("thinking", "cache"):
        return []
    if kind == "tool_call":
        call = cast("Any", block)
        given = call.tool_kwargs
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        return [TextPart(text=f"Tool call: {call.tool_name}({text})")]
    if isinstance(block, ImageBlock):
        return [ImagePart(image=_image(block.image, block.path, block.url), pages=pages)]
    if isinstance(block, DocumentBlock) and _is_shown(block.document_mimetype or ""):
        return [ImagePart(image=_image(block.data, block.path, block.url), pages=pages)]
    raise UnsupportedFormat(
        f"a {type(block).__name__} cannot be shown to SmolVLM",
        "Send text, images and PDF documents.",
    )


def _is_shown(mime: str) -> bool:
    return mime.startswith("image/") or mime == "application/pdf"


def _image(data: Any, path: Any, url: Any) -> ImageSource:
    source = source_of(data, path, url, "Name a file of this machine as ImageBlock(path=…).")
    if source is None:
        raise BadPrompt("an image block holds no image", "Give its image, path or url.")
    return source


def to_chat_response(
    text: str, result: VisionResult | None, delta: str | None = None
) -> ChatResponse:
    """The reply so far; `result` is there with its end, `delta` in streams."""
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=text),
        delta=delta,
        raw=result.model_dump(mode="json") if result else None,
        additional_kwargs=_usage(result) if result else {},
    )


def to_completion(chat: ChatResponse) -> CompletionResponse:
    """A chat's response as a completion's."""
    return CompletionResponse(
        text=chat.message.content or "",
        delta=chat.delta,
        raw=chat.raw,
        additional_kwargs=chat.additional_kwargs,
    )


def _usage(result: VisionResult) -> dict[str, int]:
    """Under the names that LlamaIndex's token counter looks for."""
    usage = result.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "image_tokens": usage.image_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def asking_for_json(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same messages, the last text of which asks for JSON; its own words for it are enough."""
    if not messages:
        return []
    *before, last = messages
    blocks = list(last.blocks)
    for place in reversed(range(len(blocks))):
        block = blocks[place]
        if isinstance(block, TextBlock):
            if "json" not in block.text.lower():
                blocks[place] = TextBlock(text=f"{block.text.rstrip()} {IN_JSON}")
            break
    return [*before, last.model_copy(update={"blocks": blocks})]
