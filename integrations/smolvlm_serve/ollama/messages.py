"""Messages with images in base64 → the core's conversation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from smolvlm_tools import ImagePart, Message, TextPart

from ..faults import Fault
from ..held_files import PREFIX
from ..images import Images
from .bodies import Generate

_ROLES = ("system", "user", "assistant")


def conversation(messages: Sequence[Mapping[str, Any]], images: Images) -> list[Message]:
    """Check a conversation and find its images.

    Raises:
        Fault: 400, a role, text or image that means nothing here; names its place.
    """
    return [_message(message, f"messages.{n}", images) for n, message in enumerate(messages)]


def prompt(body: Generate, images: Images) -> list[Message]:
    """The conversation that a prompt is. Raises as `conversation` does."""
    asked = [message("user", body.prompt or "", body.images or (), "images", images)]
    if body.system:
        return [Message(role="system", content=(TextPart(text=body.system),)), *asked]
    return asked


def message(role: Any, text: str, given: Sequence[Any], place: str, images: Images) -> Message:
    """One turn: its images stand before its text, as Ollama has it.

    Raises:
        Fault: 400, an image that is none.
    """
    seen = [_image(image, f"{place}.{n}", images) for n, image in enumerate(given)]
    said = [TextPart(text=text)] if text or not seen else []
    return Message(role=role, content=(*seen, *said))


def _message(given: Mapping[str, Any], place: str, images: Images) -> Message:
    role = given.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        text = f"{place}.role: {str(role)[:40]!r} is not one of {', '.join(_ROLES)}"
        raise Fault(400, text, "invalid_value", f"{place}.role")
    if given.get("tool_calls"):
        raise Fault(400, f"{place}.tool_calls: this model calls no tools", "unsupported_value")
    content = given.get("content")
    content = "" if content is None else content
    if not isinstance(content, str):
        raise Fault(400, f"{place}.content: a text is needed", "invalid_value", place)
    seen = given.get("images") or ()
    if isinstance(seen, str) or not isinstance(seen, Sequence):
        raise Fault(400, f"{place}.images: a list is needed", "invalid_value", place)
    return message(role, content, seen, f"{place}.images", images)


def _image(name: Any, place: str, images: Images) -> ImagePart:
    """An image by its bytes in base64, or named as in the other APIs."""
    if not isinstance(name, str) or not name:
        raise Fault(400, f"{place}: an image in base64 is needed", "invalid_value", place)
    if ":" in name[:30] or name.startswith(PREFIX):
        return ImagePart(image=images.find(name, place))
    try:
        data = base64.b64decode(name.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Fault(400, f"{place}: this is no base64", "invalid_value", place) from None
    return ImagePart(image=data)
