"""Rows with `messages`, or with `prompt` and `completion`, as TRL and Hugging Face write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import BadSamples
from ...types import ImagePart, Message, Part, TextPart
from .pictures import Placing, image_source, images_of
from .rows import Row
from .turns import message, role_of, text_of

_IMAGE_TYPES = ("image", "image_url", "input_image")
_TEXT_TYPES = ("text", "input_text", "output_text")


def from_messages(row: Row, folder: Path) -> tuple[Message, ...]:
    """The conversation under "messages"; the images under "images" fill its places in order.

    Where no text has a place for them they stand before the first user's, as TRL puts them.
    """
    return _conversation(row["messages"], row, folder)


def from_prompt(row: Row, folder: Path) -> tuple[Message, ...]:
    """The conversation of a prompt and its completion; each is a text, or a list of messages."""
    turns = [
        *_as_turns(row["prompt"], "user", "prompt"),
        *_as_turns(row["completion"], "assistant", "completion"),
    ]
    return _conversation(turns, row, folder)


def _as_turns(value: Any, role: str, name: str) -> list[Any]:
    if isinstance(value, list):
        return cast("list[Any]", value)
    return [{"role": role, "content": text_of(value, name)}]


def _conversation(turns: Any, row: Row, folder: Path) -> tuple[Message, ...]:
    if not isinstance(turns, list) or not turns:
        raise BadSamples("messages that are no list of turns", "Give a list of role and content.")
    placing, found = Placing(images_of(row, folder)), list[Message]()
    for at, turn in enumerate(cast("list[Any]", turns), 1):
        if not isinstance(turn, Mapping):
            raise BadSamples(f"turn {at} is no object", "A turn is an object of role and content.")
        given = cast("Mapping[str, Any]", turn)
        role = role_of(given.get("role"))
        found.append(message(role, _content(given.get("content"), placing, folder)))
    if placing.untouched:
        found = _before_first_user(found, placing.all())
    placing.finish()
    return tuple(found)


def _before_first_user(turns: list[Message], images: tuple[Part, ...]) -> list[Message]:
    at = next((at for at, turn in enumerate(turns) if turn.role == "user"), None)
    if at is None:
        raise BadSamples("no turn of the user", "The images stand in the user's turn.")
    turns[at] = message("user", (*images, *turns[at].content))
    return turns


def _content(content: Any, placing: Placing, folder: Path) -> tuple[Part, ...]:
    if not isinstance(content, list):
        return placing.fill(text_of(content, "content"))
    parts: list[Part] = []
    for part in cast("list[Any]", content):
        parts += _part(part, placing, folder)
    return tuple(parts)


def _part(part: Any, placing: Placing, folder: Path) -> tuple[Part, ...]:
    if isinstance(part, str):
        return placing.fill(part)
    if not isinstance(part, Mapping):
        raise BadSamples(f"a part of content given as {type(part).__name__}", "Give an object.")
    given = cast("Mapping[str, Any]", part)
    kind = given.get("type")
    if kind in _TEXT_TYPES:
        text = text_of(given.get("text"), "text")
        return placing.fill(text) if "<image>" in text else (TextPart(text=text),)
    if kind not in _IMAGE_TYPES:
        raise BadSamples(f"a part of type {kind!r}", "Parts are of type text or image.")
    own = {name: value for name, value in given.items() if name != "type" and value}
    if not own:
        return placing.next()
    return (ImagePart(image=image_source(own, folder)),)
