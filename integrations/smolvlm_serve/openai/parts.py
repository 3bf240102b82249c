"""Messages of chat completions → the core's conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smolvlm_tools import ImagePart, Message, TextPart
from smolvlm_tools.types import Role

from ..faults import Fault
from ..images import Images

_ROLES: dict[str, Role] = {
    "developer": "system", "system": "system", "user": "user", "assistant": "assistant",
}  # fmt: skip


def conversation(
    messages: Sequence[Mapping[str, Any]], images: Images, param: str = "messages"
) -> list[Message]:
    """Check a conversation and find its images. `param` is where it stood.

    Raises:
        Fault: a role, part or image that means nothing here; names its place.
    """
    return [_message(message, f"{param}.{n}", images) for n, message in enumerate(messages)]


def _message(message: Mapping[str, Any], place: str, images: Images) -> Message:
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        text = f"{place}.role: {str(role)[:40]!r} is not one of {', '.join(_ROLES)}"
        raise Fault(400, text, "invalid_value", f"{place}.role")
    if message.get("tool_calls"):
        raise Fault(
            400, f"{place}.tool_calls: this model calls no tools", "unsupported_value", place
        )
    content = message.get("content")
    return Message(role=_ROLES[role], content=tuple(_parts(content, f"{place}.content", images)))


def _parts(content: Any, place: str, images: Images) -> Iterator[TextPart | ImagePart]:
    if isinstance(content, str):
        yield TextPart(text=content)
    elif isinstance(content, Sequence) and content:
        for number, part in enumerate(content):
            yield _part(part, f"{place}.{number}", images)
    else:
        raise Fault(400, f"{place}: a text or a list of parts is needed", "invalid_value", place)


def _part(part: Any, place: str, images: Images) -> TextPart | ImagePart:
    kind = part.get("type") if isinstance(part, Mapping) else None
    match kind:
        case "text" | "input_text" | "output_text" if isinstance(part.get("text"), str):
            return TextPart(text=part["text"])
        case "image_url":
            url = part.get("image_url")
            name = url.get("url") if isinstance(url, Mapping) else url
            return _image(name, f"{place}.image_url", images)
        case "input_image":
            return _image(part.get("image_url") or part.get("file_id"), place, images)
        case "file" if isinstance(part.get("file"), Mapping):
            return _file(part["file"], f"{place}.file", images)
        case "input_file":
            return _file(part, place, images)
        case _:
            text = f"{place}: a part of type {str(kind)[:40]!r} is not known, or has no content"
            raise Fault(400, text, "invalid_value", place)


def _file(part: Mapping[str, Any], place: str, images: Images) -> ImagePart:
    name = part.get("file_id") or part.get("file_data") or part.get("file_url")
    return _image(name, place, images)


def _image(name: Any, place: str, images: Images) -> ImagePart:
    if not isinstance(name, str):
        raise Fault(400, f"{place}: no image is named", "invalid_value", place)
    return ImagePart(image=images.find(name, place))
