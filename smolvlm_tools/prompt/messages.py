"""Checks a conversation, and which pages and frames of its images are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pydantic import ValidationError

from ..errors import BadPrompt
from ..pages import parse_pages
from ..pages.video import parse_frames
from ..types import ImagePart, Message, MessageLike, Part


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a request says of every image of its conversation; None where it says nothing.

    Attributes:
        pages, frames, start, end: see `ImagePart`.
    """

    pages: str | int | None = None
    frames: str | int | None = None
    start: str | float | None = None
    end: str | float | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Chosen:
        """Take it out of options by their names.

        Raises:
            BadOptions: it means nothing.
        """
        chosen = cls(**{field.name: options.pop(field.name, None) for field in fields(cls)})
        pages = parse_pages(chosen.pages)
        parse_frames(chosen.frames, chosen.start, chosen.end)
        return replace(chosen, pages=pages and pages.text)

    def applied_to(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation, whose images say it where they did not say it themselves.

        Raises:
            BadOptions: an image says it in a form that means nothing.
        """
        wanted = {name: value for name, value in asdict(self).items() if value is not None}
        changed: list[Message] = []
        for message in messages:
            content = tuple(_choose(wanted, part) for part in message.content)
            changed.append(message.model_copy(update={"content": content}) if wanted else message)
        return tuple(changed)


def _choose(wanted: Mapping[str, Any], part: Part) -> Part:
    if not isinstance(part, ImagePart):
        return part
    parse_pages(part.pages)
    parse_frames(part.frames, part.start, part.end)
    missing = {name: value for name, value in wanted.items() if getattr(part, name) is None}
    return part.model_copy(update=missing) if missing else part


_MESSAGES_FORM = 'Pass [{"role": "user", "content": [...]}].'


def parse_messages(messages: Sequence[MessageLike]) -> tuple[Message, ...]:
    """Check a conversation given as typed messages or as transformers-style dicts.

    Raises:
        BadPrompt: no message, an unknown role or content type, a part without its content.
    """
    if isinstance(messages, (str, bytes, Mapping, Message)):
        raise BadPrompt(
            f"messages must be a list, not a single {type(messages).__name__}", _MESSAGES_FORM
        )
    try:
        turns = list(messages)
    except TypeError:
        what = type(messages).__name__
        raise BadPrompt(f"messages must be a list, not {what}", _MESSAGES_FORM) from None
    if not turns:
        raise BadPrompt("the conversation is empty", "Pass at least one message.")
    try:
        return tuple(Message.model_validate(turn) for turn in turns)
    except ValidationError as error:
        raise BadPrompt(
            f"a message is malformed: {_first_problem(error)}",
            'Content parts are {"type": "text", "text": …} and {"type": "image", "image": SOURCE}.',
        ) from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in problem["loc"])
    return f"{place}: {problem['msg']}" if place else problem["msg"]
