"""What a command asks of an image: its conversation, its task, the type of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import BadOptions

if TYPE_CHECKING:
    from ..types import Message, Task

ANSWERS = ("yes-no", "integer", "number", "date", "list")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of every image.

    Attributes:
        messages: from an image's source to the conversation about it.
        task: see `RequestOptions`.
        options: others of the engine's.
    """

    messages: Callable[[str | bytes], tuple[Message, ...]]
    task: Task
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def check(self) -> None:
        """Check the wording, so that a mistake does not cost loading a model.

        Raises:
            BadOptions: an unknown detail or layout.
            BadPrompt: an empty question or context.
        """
        self.messages("")


def describing(detail: str, context: str | None) -> Wish:
    """A description."""
    from ..prompt.tasks import describe_messages

    return Wish(partial(describe_messages, detail=cast("Any", detail), context=context), "describe")


def transcribing(layout: str, context: str | None) -> Wish:
    """The text."""
    from ..constraints import lines
    from ..prompt.tasks import transcribe_messages

    options = {"answer": lines()} if layout == "lines" else {}
    messages = partial(transcribe_messages, layout=cast("Any", layout), context=context)
    return Wish(messages, "transcribe", options)


def asking_for(question: str, answer: str | None, choices: str | None, context: str | None) -> Wish:
    """The answer to a question.

    Raises:
        BadOptions: no such kind of answer, or choices beside one.
    """
    from ..prompt.tasks import ask_messages

    constraint = _constraint(answer, choices)
    options = {} if constraint is None else {"answer": constraint}
    return Wish(partial(ask_messages, question=question, context=context), "ask", options)


def extracting(path: Path, context: str | None) -> Wish:
    """The fields of a schema.

    Raises:
        BadOptions: the file is no JSON object.
        SchemaNotSupported: the schema cannot be enforced.
    """
    from ..constraints import json_schema
    from ..prompt.tasks import extract_messages

    schema = _read_schema(path)
    messages = partial(extract_messages, schema=schema, context=context)
    return Wish(messages, "ask", {"answer": json_schema(schema)})


def _constraint(answer: str | None, choices: str | None) -> Any:
    from .. import constraints

    if choices is not None:
        if answer is not None:
            raise BadOptions("--answer and --choices exclude each other", "Leave one of them out.")
        return constraints.choices([choice.strip() for choice in choices.split(",")])
    if answer is None:
        return None
    if answer not in ANSWERS:
        raise BadOptions(f"unknown kind of answer {answer!r}", f"Use {', '.join(ANSWERS)}.")
    kinds = (
        constraints.yes_no,
        constraints.integer,
        constraints.number,
        constraints.date,
        constraints.lines,
    )
    return dict(zip(ANSWERS, kinds, strict=True))[answer]()


def _read_schema(path: Path) -> dict[str, Any]:
    remedy = "Give a file that holds a JSON Schema as an object."
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadOptions(f"{str(path)!r} cannot be read ({error.strerror})", remedy) from None
    except (ValueError, RecursionError) as error:
        raise BadOptions(f"{str(path)!r} holds no JSON ({error})", remedy) from None
    if not isinstance(schema, dict):
        raise BadOptions(f"{str(path)!r} holds a {type(schema).__name__}", remedy)
    return cast("dict[str, Any]", schema)
