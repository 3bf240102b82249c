"""Messages of a caller → the same messages as LangChain's traces and caches take them.

The caller's own messages stay as they are; what needs no change is passed on as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue

from .held import hold

_STARTS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "AAAAGGZ0eXBoZWlj": "image/heic",
    "AAAAHGZ0eXBoZWlj": "image/heic",
    "AAAAIGZ0eXBoZWlj": "image/heic",
    "AAAAJGZ0eXBoZWlj": "image/heic",
    "AAAAKGZ0eXBoZWlj": "image/heic",
    "Qk": "image/bmp",
    "SUkq": "image/tiff",
    "TU0A": "image/tiff",
}
"""How base64 of a format begins."""

_OF_A_DOCUMENT = re.compile(r"data:[^;,]+;base64,.")


def for_traces(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages as LangChain can trace and cache them.

    Every base64 image has a `mime_type`, which tracing wants, no block has a generated id, which
    caches miss because of, and image data shows as its digest and size: see `held`.
    """
    return [_changed(message, lambda block: hold(_complete(block))) for message in messages]


def hold_input(given: LanguageModelInput) -> LanguageModelInput:
    """What a model is called with, as `for_traces` has it; as it is where that changes nothing."""
    if isinstance(given, str):
        return given
    own = given.to_messages() if isinstance(given, PromptValue) else convert_to_messages(given)
    messages = for_traces(own)
    if all(new is old for new, old in zip(messages, own, strict=True)):
        return given
    return ChatPromptValue(messages=messages) if isinstance(given, PromptValue) else messages


def with_file_states(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages with size and time of change of every file that a block names by its path.

    LangChain's caches know a message by what stands in it. Nothing is read for it.
    """
    return [_changed(message, _with_state) for message in messages]


def _with_state(block: Any) -> Any:
    path = cast("dict[str, Any]", block).get("path") if isinstance(block, dict) else None
    if not isinstance(path, str):
        return block
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # the engine will say what is wrong with it
        return block
    known = cast("dict[str, Any]", block)
    extras = known.get("extras")
    before = cast("dict[str, Any]", extras) if isinstance(extras, dict) else {}
    return {**known, "extras": {**before, "state": f"{found.st_size}-{found.st_mtime_ns}"}}


def _changed(message: BaseMessage, change: Callable[[Any], Any]) -> BaseMessage:
    if not isinstance(message.content, list):
        return message
    blocks = [change(block) for block in message.content]
    if all(new is old for new, old in zip(blocks, message.content, strict=True)):
        return message
    return message.model_copy(update={"content": blocks})


def _document(block: dict[str, Any], uri: str) -> dict[str, Any]:
    """OpenAI's block of a document as LangChain would rewrite it, with the data as it came."""
    file = cast("dict[str, Any]", block["file"])
    own = {"filename": file["filename"]} if "filename" in file else {}
    given = block.get("extras")
    extras = {
        **(cast("dict[str, Any]", given) if isinstance(given, dict) else {}),
        **{key: value for key, value in file.items() if key not in ("file_data", "filename")},
    }
    around = {key: value for key, value in block.items() if key not in ("type", "file", "extras")}
    data = {"type": "file", "base64": uri.partition(",")[2], "mime_type": "application/pdf"}
    return {**data, **own, **around, **({"extras": extras} if extras else {})}


def _complete(block: Any) -> Any:
    if not isinstance(block, dict) or block.get("type") not in ("image", "file"):
        return block
    known = cast("dict[str, Any]", block)
    file = known.get("file")
    data = cast("dict[str, Any]", file).get("file_data") if isinstance(file, dict) else None
    if isinstance(data, str) and data.startswith("data:image/"):
        # LangChain would take it for a PDF document.
        return {"type": "image_url", "image_url": {"url": data}}
    if isinstance(data, str) and _OF_A_DOCUMENT.match(data):
        return _document(known, data)
    changed = dict(known)
    if str(known.get("id", "")).startswith("lc_"):
        del changed["id"]
    encoded = known.get("base64") or (
        known.get("data") if known.get("source_type") == "base64" else None
    )
    if known["type"] == "image" and isinstance(encoded, str) and not known.get("mime_type"):
        found = (mime for start, mime in _STARTS.items() if encoded.startswith(start))
        changed["mime_type"] = next(found, "application/octet-stream")
    return block if changed == known else changed
