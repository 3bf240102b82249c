"""What a command asks about an image: the conversation, the task, the type of the answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from .. import constraints
from ..constraints import Constraint
from ..errors import BadOptions
from ..images import ImageSource
from ..images.encodings import url_scheme
from ..prompt.request import TextFrom, parse_text_from
from ..prompt.tasks import ask_messages, describe_messages, extract_messages, transcribe_messages
from ..types import Message, Task
from .questions_file import parse_rating, read_object


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """What the answer to a question has to be, as texts of the command line: one of them, or none.

    Attributes:
        answer: name of a kind.
        choices: texts with commas between them.
        rating: see `parse_rating`.
    """

    answer: str | None = None
    choices: str | None = None
    rating: str | None = None

    @property
    def given(self) -> list[str]:
        """The options that are there."""
        return [f"--{name}" for name in self.__slots__ if getattr(self, name) is not None]

    def constraint(self) -> Constraint | None:
        """What the engine holds the answer to.

        Raises:
            BadOptions: an unknown kind of answer, no scale, or more than one of them.
        """
        if len(self.given) > 1:
            given = " and ".join(self.given)
            raise BadOptions(f"{given} exclude each other", "Leave all but one of them out.")
        if self.choices is not None:
            return constraints.choices([choice.strip() for choice in self.choices.split(",")])
        if self.rating is not None:
            return parse_rating(self.rating).choice()
        return None if self.answer is None else constraints.named(self.answer)


@dataclass(frozen=True, slots=True)
class ImageTask:
    """What is asked about every image.

    Attributes:
        messages: from an image's source to the conversation about it; it raises `BadOptions` for
            an unknown detail or layout, `BadPrompt` for an empty question or context.
        answer: what the answer has to be; None for any text.
        text: where a transcription comes from, see `RequestOptions`; None for other tasks.
    """

    messages: Callable[[ImageSource], tuple[Message, ...]]
    task: Task
    answer: Constraint | None = None
    text: TextFrom | None = None


def describe_task(detail: str, context: str | None) -> ImageTask:
    """A description."""
    messages = partial(describe_messages, detail=cast("Any", detail), context=context)
    return ImageTask(messages, "describe")


def transcribe_task(layout: str, text: str, context: str | None) -> ImageTask:
    """The text in the image; a text layer has no headings and tables for Markdown."""
    source = parse_text_from("model" if layout == "markdown" and text == "auto" else text)
    messages = partial(transcribe_messages, layout=cast("Any", layout), context=context)
    answer = constraints.lines() if layout == "lines" else None
    return ImageTask(messages, "transcribe", answer, source)


def ask_task(question: str, kind: AnswerKind, context: str | None) -> ImageTask:
    """The answer to a question."""
    constraint = kind.constraint()
    return ImageTask(partial(ask_messages, question=question, context=context), "ask", constraint)


def images_and_question(
    images: list[str], question: str | None, kind: AnswerKind, questions: Path | None
) -> tuple[list[str], str]:
    """The images and the question; "" where a file has the questions.

    The command line gives its last argument as the question, and it is an image beside a file.

    Raises:
        BadOptions: an image is missing, or it is not clear which questions are meant.
    """
    if questions is None:
        if not images or question is None:
            missing = "IMAGE" if question is None else "QUESTION"
            raise BadOptions(
                f"{missing} is missing",
                'Usage: smolvlm ask IMAGE... "QUESTION", or smolvlm ask IMAGE... --questions FILE.',
            )
        return images, question
    if kind.given:
        raise BadOptions(
            f"{kind.given[0]} does not go with --questions", "Say it of each question in the file."
        )
    if question is None:
        raise BadOptions("IMAGE is missing", "Usage: smolvlm ask IMAGE... --questions FILE.")
    if images and question != "-" and not url_scheme(question) and not os.path.exists(question):
        raise BadOptions(
            f"{question[:60]!r} is not a file, and a QUESTION does not go with --questions",
            "Leave one of them out.",
        )
    return [*images, question], ""


def extract_task(path: Path, context: str | None) -> ImageTask:
    """The fields of a schema.

    Raises:
        BadOptions: the file does not hold a JSON object.
    """
    schema = read_object(path, "Give a file that holds a JSON Schema as an object.")
    messages = partial(extract_messages, schema=schema, context=context)
    return ImageTask(messages, "ask", constraints.json_schema(schema))
