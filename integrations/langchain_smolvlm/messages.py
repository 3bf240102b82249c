"""LangChain's messages → the engine's, with images in every shape that LangChain knows.

    {"type": "image", "base64" | "url" | "path": …, "mime_type": …}       v1, and files by path
    {"type": "image", "source_type": "base64" | "url", "data" | "url": …}  v0
    {"type": "image_url" | "input_image", "image_url": {"url": …} | …}     OpenAI
    {"type": "image", "source": {"type": "base64" | "url", …}}             Anthropic
    {"type": …, "inline_data": {"mime_type": …, "data": …}}                Gemini
    {"type": "file", …} of an image MIME type or a PDF document            v1, v0, OpenAI

A block of a document with several pages says by the key "pages" which are shown: "1-3,7".
A block that is not understood is an error, never left out. Whether an image may be read, fetched or
decoded is for the `ImagePolicy` of the request to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from mimetypes import guess_type
from typing import Any, TypeAlias, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    ToolMessage,
)

from smolvlm_tools import check_url, url_scheme
from smolvlm_tools.errors import BadPrompt, UnsupportedFormat
from smolvlm_tools.pages import parse_pages
from smolvlm_tools.types import ImagePart, Message, Role, TextPart

from .held import release

Block: TypeAlias = Mapping[str, Any]
_Parts: TypeAlias = list[TextPart | ImagePart]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "tool": "user",
    "function": "user",
}
_PDF = "application/pdf"
_UNCLAIMED = (None, "", "application/octet-stream")
_BESIDE_TEXT = frozenset({"reasoning", "thinking", "tool_call", "tool_use", "invalid_tool_call"})
"""Blocks of an assistant's turn that its `tool_calls` repeat, or that were never said aloud."""

_TEXTS = frozenset({"text", "input_text", "output_text", "text-plain"})
_HOLDERS = frozenset({"image", "file", "media", "document", "inline_data", ""})
"""Types of blocks that may hold an image, besides those that name a URL only."""

_DEEPEST = 8
"""Blocks within blocks; LangChain makes one of an unknown one."""

_NAME_A_FILE = 'Name a file of this machine as {"type": "image", "path": …}.'


def to_messages(messages: Sequence[BaseMessage]) -> list[Message]:
    """The conversation as the engine takes it.

    Names of speakers are dropped: SmolVLM's chat format has no place for them. It has none for
    tools either: calls become text of the assistant, results become turns of the user.

    Raises:
        InputError: a message or block that the model cannot be given.
    """
    return [Message(role=_role(message), content=_content(message)) for message in messages]


def _role(message: BaseMessage) -> Role:
    named = isinstance(message, ChatMessage)
    said = message.role if named else message.type.removesuffix("MessageChunk").lower()
    if said not in _ROLES:
        raise BadPrompt(f"a message has the role {said!r}", f"Use one of {', '.join(_ROLES)}.")
    return _ROLES[said]


def _content(message: BaseMessage) -> tuple[TextPart | ImagePart, ...]:
    parts: _Parts = []
    if isinstance(message, (ToolMessage, FunctionMessage)):
        failed = getattr(message, "status", "success") == "error"
        parts.append(TextPart(text="Tool error: " if failed else "Tool result: "))
    content = [message.content] if isinstance(message.content, str) else message.content
    for block in content:
        parts += _parts(block, of_assistant=isinstance(message, AIMessage))
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            arguments = _json(call["args"])
            parts.append(TextPart(text=f"Tool call: {call['name']}({arguments})"))
    return tuple(parts) or (TextPart(text=""),)


def _parts(block: str | Block, *, of_assistant: bool) -> _Parts:
    if isinstance(block, str):
        return [TextPart(text=block)]
    block = _standard(release(block))
    kind = str(block.get("type", ""))
    if kind in _TEXTS and isinstance(block.get("text"), str):
        return [TextPart(text=block["text"])]
    if kind == "json":
        return [TextPart(text=_json(block.get("json")))]
    if of_assistant and kind in _BESIDE_TEXT:
        return []
    return [ImagePart(image=_image(block, kind), pages=_pages(block))]


def _standard(block: Block) -> Block:
    """What a block holds that LangChain has put into another, because it does not know it."""
    for _ in range(_DEEPEST):
        inner = block.get("value")
        if block.get("type") != "non_standard" or not isinstance(inner, Mapping):
            return block
        block = cast("Block", inner)
    raise BadPrompt(
        f"content blocks stand within each other more than {_DEEPEST} deep", "Send plain blocks."
    )


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadPrompt(
            f"a message holds what is not JSON ({error})", "Send JSON values."
        ) from error


def _pages(block: Block) -> str | None:
    """Which pages of a document are meant, wherever LangChain has put the key."""
    extras = block.get("extras")
    for held in (block, extras, block.get("file"), block.get("source"), block.get("image_url")):
        known = cast("Block", held) if isinstance(held, Mapping) else {}
        for name in ("pages", "file_pages"):  # LangChain renames keys of OpenAI's inner dict
            chosen = parse_pages(known.get(name))
            if chosen is not None:
                return chosen.text
    return None


def _image(block: Block, kind: str) -> str:
    """The source that a block names, as `load_image` takes it."""
    inner = (block.get(key) for key in ("source", "inline_data", "file"))
    source = next((cast("Block", held) for held in inner if isinstance(held, Mapping)), {}) or block
    if kind in ("image_url", "input_image") or "image_url" in source:
        url = source.get("image_url", source.get("url"))
        named = cast("Block", url).get("url") if isinstance(url, Mapping) else url
        return check_url(named, _NAME_A_FILE)
    mime = source.get("mime_type") or source.get("media_type") or block.get("mime_type")
    if kind not in _HOLDERS:
        raise UnsupportedFormat(
            f"a content block of type {kind[:40]!r} cannot be shown to SmolVLM",
            "Send text and image blocks.",
        )
    encoded = source.get("base64") or source.get("data") or source.get("file_data")
    if isinstance(encoded, str) and encoded.startswith("data:"):
        return _checked(encoded, _claimed(encoded), kind)
    if isinstance(encoded, str):
        claimed = None if mime in _UNCLAIMED else str(mime)
        return _checked(f"data:{claimed or ''};base64,{encoded}", claimed, kind)
    path = source.get("path")
    if kind in ("image", "file") and isinstance(path, str):
        guessed = _guess(path) if mime in _UNCLAIMED else str(mime)
        return _checked(path, guessed, kind)
    if isinstance(source.get("url"), str):
        url = check_url(source["url"], _NAME_A_FILE)
        claimed = _claimed(url) if mime in _UNCLAIMED else str(mime)
        return _checked(url, claimed, kind)
    if any(key in source for key in ("file_id", "id")):
        raise BadPrompt("an image is named by a file id", "Send its base64 text or its URL.")
    raise BadPrompt(
        f"a block of type {kind[:40]!r} holds no image",
        'Write {"type": "image", "base64": …, "mime_type": "image/png"}.',
    )


def _checked(source: str, mime: str | None, kind: str) -> str:
    """`source`, unless it claims to be something else; a file has to claim what it is."""
    if mime is None and kind == "image":
        return source
    if mime is None or not (mime.startswith("image/") or mime == _PDF):
        raise UnsupportedFormat(
            f"a {kind} block of type {mime and mime[:80]!r} cannot be shown to SmolVLM",
            "Send images or PDF documents.",
        )
    return source


def _guess(path: str) -> str | None:
    """The MIME type that a file's name stands for."""
    try:
        return guess_type(path)[0]
    except ValueError:  # it looks like a URL, and a broken one
        return None


def _claimed(uri: str) -> str | None:
    """The MIME type in a data URI."""
    if url_scheme(uri) != "data":
        return None
    begin = uri.index(":") + 1
    header = uri[begin : uri.index(",", begin)] if "," in uri else uri[begin : begin + 1_000]
    return header.partition(";")[0].strip().lower() or None
