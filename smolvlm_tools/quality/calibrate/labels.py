"""Images, questions and right answers, one JSON object a line.

    {"image": "till.png", "question": "What is the total?", "answer": 4.5}
    {"image": "till.png", "question": "Is it paid?", "answer": true}
    {"image": "till.png", "question": "Paid how?", "choices": ["cash", "card"], "answer": "card"}
    {"image": "till.png", "schema": {"type": "object", …}, "answer": {"total": 4.5}}

`image` is a path, relative to the file. `kind` is yes-no, choice, integer, number, date, regex
(with `pattern`), list or text; without it, `choices`, `pattern` or the JSON type of the answer says
which: true and false are yes-no, 4 is an integer, 4.5 a number, a list is a list, and any text is
text, dates too. The questions of a folder stand in its `labels.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ... import constraints
from ...constraints import Constraint
from ...decoding.scales import Kind
from ...errors import BadOptions, SmolVLMError
from ...images import load_image
from .right import typed

FILE = "labels.jsonl"
_FORM = 'A line is {"image": PATH, "question": TEXT, "answer": …}; see docs/confidence.md.'


class Line(BaseModel):
    """A line as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: Path
    question: str = ""
    answer: Any = None
    kind: (
        Literal["yes-no", "choice", "integer", "number", "date", "regex", "list", "text"] | None
    ) = None
    choices: tuple[str, ...] | None = None
    pattern: str | None = None
    fields: dict[str, Any] | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def _check_parts(self) -> Line:
        if bool(self.question.strip()) == (self.fields is not None):
            raise ValueError("give either a question or a schema")
        if self.fields is not None and (self.kind or self.choices or self.pattern):
            raise ValueError("a schema goes without kind, choices and pattern")
        if (self.what == "choice") != (self.choices is not None):
            raise ValueError("choices and the kind 'choice' go together")
        if (self.what == "regex") != (self.pattern is not None):
            raise ValueError("a pattern and the kind 'regex' go together")
        return self

    @property
    def is_labelled(self) -> bool:
        return "answer" in self.model_fields_set

    @property
    def what(self) -> Kind:
        """The kind that is given, or else follows from the rest."""
        if self.kind or self.fields is not None:
            return self.kind or "document"
        if self.choices is not None:
            return "choice"
        if self.pattern is not None:
            return "regex"
        kinds: dict[type, Kind] = {bool: "yes-no", int: "integer", float: "number", list: "list"}
        return kinds.get(type(self.answer), "text")

    def constraint(self) -> Constraint | None:
        """What the answer has to be; None for any text."""
        if self.fields is not None:
            return constraints.json_schema(self.fields)
        if self.choices is not None:
            return constraints.choices(self.choices)
        if self.pattern is not None:
            return constraints.regex(self.pattern)
        return None if self.what == "text" else constraints.named(self.what)


@dataclass(frozen=True, slots=True)
class Question:
    """One line, checked.

    Attributes:
        number: of the line, from 1.
        size: of its image in pixels, width first.
        constraint: what the answer has to be; None for any text.
        schema: what is extracted, instead of asking `text`.
        labelled: whether `wanted` is the right answer.
    """

    number: int
    image: Path
    size: tuple[int, int]
    text: str
    kind: Kind
    constraint: Constraint | None
    schema: Mapping[str, Any] | None
    labelled: bool
    wanted: Any

    @property
    def asked(self) -> tuple[str, str]:
        """The same for two lines that ask the same about the same image."""
        return str(self.image.resolve()), self.text or repr(self.schema)


def read_labels(path: Path, *, unlabelled: bool = False) -> list[Question]:
    """The questions of a JSONL file, or of a folder's `labels.jsonl`.

    Args:
        unlabelled: whether lines may lack the answer.

    Raises:
        BadOptions: the file cannot be read, or a line of it, named by its number, is wrong.
        InputError: an image of a line cannot be used.
        SchemaNotSupported: a schema of a line cannot be enforced.
    """
    path = path / FILE if path.is_dir() else path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadOptions(
            f"the labels {str(path)!r} cannot be read ({error})",
            f"Name a JSONL file, or a folder with a {FILE}. {_FORM}",
        ) from None
    found: list[Question] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_question(path.parent, number, line, unlabelled))
            except SmolVLMError as error:
                where = f"line {number} of {path.name}: "
                raise type(error)(where + error.reason, error.remedy or _FORM) from None
    if not found:
        raise BadOptions(f"{str(path)!r} has no questions", _FORM)
    return found


def check_apart(fitted: Sequence[Question], held_out: Sequence[Question]) -> None:
    """Refuse a held-out set that shares a question with the set that is fitted on.

    Raises:
        BadOptions: it names the first one.
    """
    known = {question.asked: question.number for question in fitted}
    for question in held_out:
        if question.asked in known:
            raise BadOptions(
                f"line {question.number} of the held-out labels is also line "
                f"{known[question.asked]} of those to fit on",
                "Hold out questions that are not fitted on, best about other images.",
            )


def _question(folder: Path, number: int, text: str, unlabelled: bool) -> Question:
    try:
        line = Line.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise BadOptions(f"{place}: {problem['msg']}" if place else problem["msg"], _FORM) from None
    if not line.is_labelled and not unlabelled:
        raise BadOptions("it has no answer", "Add the right one, or use `unlabelled=True`.")
    wanted = typed(line.what, line.answer, line.choices) if line.is_labelled else None
    image = folder / line.image
    return Question(
        number=number,
        image=image,
        size=load_image(image).size,
        text=line.question,
        kind=line.what,
        constraint=line.constraint(),
        schema=line.fields,
        labelled=line.is_labelled,
        wanted=wanted,
    )
