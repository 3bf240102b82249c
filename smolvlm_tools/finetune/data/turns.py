"""Turns of a conversation, checked as one that can be learned from."""

from __future__ import annotations

from typing import Any

from ...errors import BadSamples
from ...types import ImagePart, Message, Part, Role, TextPart

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}


def role_of(name: Any) -> Role:
    """Who speaks, by TRL's name or by sharegpt's.

    Raises:
        BadSamples: nobody is called so.
    """
    found = _ROLES.get(name) if isinstance(name, str) else None
    if found is None:
        raise BadSamples(f"an unknown role {name!r}", f"Use one of {', '.join(_ROLES)}.")
    return found


def text_of(value: Any, name: str) -> str:
    """A text, as it is.

    Raises:
        BadSamples: it is none.
    """
    if not isinstance(value, str):
        what = "null" if value is None else f"a {type(value).__name__}"
        raise BadSamples(f"{name!r} is {what} where a text should be", "Write it as text.")
    return value


def message(role: Role, parts: tuple[Part, ...]) -> Message:
    """A turn.

    Raises:
        BadSamples: it is empty.
    """
    said = any(isinstance(part, ImagePart) or part.text.strip() for part in parts)
    if not said:
        what = "answer" if role == "assistant" else f"turn of the {role}"
        raise BadSamples(f"an empty {what}", "Fill it in, or take the row out.")
    return Message(role=role, content=parts)


def check_turns(turns: tuple[Message, ...]) -> None:
    """Refuse a conversation that has nothing to learn, or in which an image would be learned.

    Raises:
        BadSamples: it is such a one.
    """
    if not any(turn.role == "assistant" for turn in turns):
        raise BadSamples("no turn of the assistant", "The answer is the assistant's turn.")
    if turns[-1].role != "assistant":
        raise BadSamples(
            f"the last turn is the {turns[-1].role}'s", "End with the assistant's answer."
        )
    if next(turn.role for turn in turns if turn.role != "system") != "user":
        raise BadSamples("the assistant speaks first", "Begin with the user's turn.")
    for turn in turns:
        if turn.role == "assistant" and not all(isinstance(p, TextPart) for p in turn.content):
            raise BadSamples("an image in the assistant's turn", "Put it in the user's.")


def question_and_answer(asked: tuple[Part, ...], answer: str) -> tuple[Message, ...]:
    """One question, one answer."""
    return message("user", asked), message("assistant", (TextPart(text=answer),))
