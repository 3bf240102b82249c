"""What a command asks about an image: the conversation, the task, the type of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from .. import constraints
from ..constraints import Constraint
from ..errors import BadOptions
from ..prompt.tasks import ask_messages, describe_messages, extract_messages, transcribe_messages
from ..types import Message, Task


@dataclass(frozen=True, slots=True)
class ImageTask:
    """What is asked about every image.

    Attributes:
        messages: from an image's source to the conversation about it; it raises `BadOptions` for
            an unknown detail or layout, `BadPrompt` for an empty question or context.
        answer: what the answer has to be; None for any text.
    """

    messages: Callable[[str | bytes], tuple[Message, ...]]
    task: Task
    answer: Constraint | None = None


def describe_task(detail: str, context: str | None) -> ImageTask:
    """A description."""
    messages = partial(describe_messages, detail=cast("Any", detail), context=context)
    return ImageTask(messages, "describe")


def transcribe_task(layout: str, context: str | None) -> ImageTask:
    """The text in the image."""
    messages = partial(transcribe_messages, layout=cast("Any", layout), context=context)
    return ImageTask(messages, "transcribe", constraints.lines() if layout == "lines" else None)


def ask_task(
    question: str, answer: str | None, choices: str | None, context: str | None
) -> ImageTask:
    """The answer to a question.

    Raises:
        BadOptions: an unknown kind of answer, or both a kind and choices.
    """
    constraint = None
    if choices is not None:
        if answer is not None:
            raise BadOptions("--answer and --choices exclude each other", "Leave one of them out.")
        constraint = constraints.choices([choice.strip() for choice in choices.split(",")])
    elif answer is not None:
        constraint = constraints.named(answer)
    return ImageTask(partial(ask_messages, question=question, context=context), "ask", constraint)


def extract_task(path: Path, context: str | None) -> ImageTask:
    """The fields of a schema.

    Raises:
        BadOptions: the file does not hold a JSON object.
    """
    schema = _read_schema(path)
    messages = partial(extract_messages, schema=schema, context=context)
    return ImageTask(messages, "ask", constraints.json_schema(schema))


def _read_schema(path: Path) -> dict[str, Any]:
    remedy = "Give a file that holds a JSON Schema as an object."
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOptions(f"{str(path)!r} cannot be read ({error.strerror})", remedy) from None
    except (ValueError, RecursionError) as error:
        raise BadOptions(f"{str(path)!r} is not JSON ({error})", remedy) from None
    if not isinstance(schema, dict):
        raise BadOptions(f"{str(path)!r} holds a {type(schema).__name__}", remedy)
    return cast("dict[str, Any]", schema)
