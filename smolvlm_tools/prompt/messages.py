"""Checks a conversation, and which pages of its documents are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from ..errors import BadPrompt
from ..pages import PageSelection, parse_pages
from ..types import ImagePart, Message, MessageLike, Part


def choosing(pages: PageSelection | None, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation, whose images that do not say which of their pages are meant get `pages`.

    Raises:
        BadOptions: an image says it in a form that means nothing.
    """
    for message in messages:
        for part in message.content:
            if isinstance(part, ImagePart):
                parse_pages(part.pages)
    if pages is None:
        return messages
    return tuple(
        message.model_copy(
            update={"content": tuple(_choose(pages, part) for part in message.content)}
        )
        for message in messages
    )


def _choose(pages: PageSelection, part: Part) -> Part:
    if isinstance(part, ImagePart) and part.pages is None:
        return part.model_copy(update={"pages": pages.text})
    return part


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
