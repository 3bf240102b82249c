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
from ..engine.crosscheck import Checker, Judge, open_checker
from ..errors import BadOptions
from ..images import EncodedImage, ImagePolicy, ImageSource
from ..images.encodings import url_scheme
from ..pages import suffixes as pages
from ..pages.video import containers as videos
from ..prompt.request import TextFrom, parse_text_from
from ..prompt.tasks import ask_messages, describe_messages, extract_messages, transcribe_messages
from ..types import Message, Task
from .questions_file import parse_rating, read_object

_USAGE = (
    'Usage: smolvlm ask IMAGE... "QUESTION", smolvlm ask IMAGE... -q "QUESTION", or smolvlm ask '
    "IMAGE... --questions FILE."
)


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
        checker: reads the image a second time; None where nothing does.
    """

    messages: Callable[[ImageSource], tuple[Message, ...]]
    task: Task
    answer: Constraint | None = None
    text: TextFrom | None = None
    checker: Checker | None = None

    def read(self, image: EncodedImage) -> Judge:
        """Read an image for the check; what its reply goes through."""
        if self.checker is None:
            return lambda result: result
        read = self.checker.transcription if self.task == "transcribe" else self.checker.answer
        return read(image, {}).judge


def describe_task(detail: str, context: str | None) -> ImageTask:
    """A description."""
    messages = partial(describe_messages, detail=cast("Any", detail), context=context)
    return ImageTask(messages, "describe")


def transcribe_task(
    layout: str,
    text: str,
    context: str | None,
    check: str | None = None,
    words_of: str = "model",
) -> ImageTask:
    """The text in the image; a text layer has no headings and tables for Markdown."""
    source = parse_text_from("model" if layout == "markdown" and text == "auto" else text)
    messages = partial(transcribe_messages, layout=cast("Any", layout), context=context)
    answer = constraints.lines() if layout == "lines" else None
    return ImageTask(messages, "transcribe", answer, source, _checker(check, words_of, layout))


def _checker(check: str | None, words_of: str = "model", layout: str = "plain") -> Checker | None:
    """What reads the image a second time; raises BadOptions, BackendUnavailable."""
    checker = open_checker(check, words_of, ImagePolicy(), cast("Any", layout))
    return checker if check else None


def ask_task(
    question: str, kind: AnswerKind, context: str | None, check: str | None = None
) -> ImageTask:
    """The answer to a question."""
    constraint = kind.constraint()
    messages = partial(ask_messages, question=question, context=context)
    return ImageTask(messages, "ask", constraint, checker=_checker(check))


def images_and_question(
    arguments: list[str], option: str | None, kind: AnswerKind, questions: Path | None
) -> tuple[list[str], str]:
    """The images and the question; "" where a file has the questions.

    Args:
        arguments: images, and last the question unless an option says it.
        option: of --question.
        questions: of --questions.

    Raises:
        BadOptions: an image or a question is missing, or it is not clear which is meant.
    """
    if not arguments:
        raise BadOptions("IMAGE is missing", _USAGE)
    *images, last = arguments
    if questions is not None:
        _check_beside_file(arguments, option, kind)
        return arguments, ""
    if option is not None:
        if option.startswith("--"):
            raise BadOptions(f"--question has no text, but the option {option!r:.60}", _USAGE)
        if images and not _is_image(last):
            raise BadOptions(
                f"{last[:60]!r} is not a file, and the question is given by --question",
                "Leave one of them out.",
            )
        return arguments, option
    if _is_image(last):
        raise BadOptions(f"QUESTION is missing; {last[:60]!r} is {_what_image(last)}", _USAGE)
    if not images:
        raise BadOptions(f"IMAGE is missing; {last[:60]!r} is not a file", _USAGE)
    return images, last


def _check_beside_file(arguments: list[str], option: str | None, kind: AnswerKind) -> None:
    """Check that nothing else says what is asked than --questions."""
    if kind.given:
        raise BadOptions(
            f"{kind.given[0]} does not go with --questions", "Say it of each question in the file."
        )
    last = arguments[-1]
    if option is not None or (len(arguments) > 1 and not _is_image(last)):
        said = (
            "--question" if option is not None else f"{last[:60]!r} is not a file, and a QUESTION"
        )
        raise BadOptions(f"{said} does not go with --questions", "Leave one of them out.")


def _is_image(argument: str) -> bool:
    """Whether an argument names an image, which may not be there, and is no question."""
    is_word = len(argument.split()) == 1
    is_url = url_scheme(argument) is not None and is_word
    is_named_so = argument.lower().endswith((*pages.SUFFIXES, *videos.SUFFIXES)) and is_word
    return argument == "-" or is_url or is_named_so or _is_there(argument)


def _is_there(argument: str) -> bool:
    try:
        return os.path.exists(argument)
    except ValueError:  # a NUL
        return False


def _what_image(argument: str) -> str:
    """What an image among the arguments is."""
    is_remote = argument == "-" or url_scheme(argument) is not None
    return "an image" if is_remote or _is_there(argument) else "an image that is not there"


def extract_task(path: Path, context: str | None, check: str | None = None) -> ImageTask:
    """The fields of a schema.

    Raises:
        BadOptions: the file does not hold a JSON object.
    """
    schema = read_object(path, "Give a file that holds a JSON Schema as an object.")
    messages = partial(extract_messages, schema=schema, context=context)
    return ImageTask(messages, "ask", constraints.json_schema(schema), checker=_checker(check))
