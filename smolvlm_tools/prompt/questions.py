"""Several questions about the same images, by name."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from ..errors import BadOptions, BadPrompt, IncompleteAnswer, SchemaNotSupported
from .request import RequestOptions, check_options


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of `ask_many`, and what its answer has to be.

        >>> from smolvlm_tools import Ask
        >>> questions = {"total": Ask("What is the total?", float), "place": "Where was it?"}

    What is None is as `ask_many` was told for all questions. The texts and the answer's type are
    checked when it is asked; an impossible number is `BadOptions` at once.

    Attributes:
        question: the text.
        answer: see `RequestOptions`.
        context: text that surrounds the image, for this question.
        min_confidence: see `RequestOptions`.
        max_new_tokens: see `GenerationOptions`.
    """

    question: str
    answer: Any = None
    context: str | None = None
    min_confidence: float | None = None
    max_new_tokens: int | None = None

    def __post_init__(self) -> None:
        numbers = {"min_confidence": self.min_confidence, "max_new_tokens": self.max_new_tokens}
        check_options({name: value for name, value in numbers.items() if value is not None})

    @property
    def options(self) -> RequestOptions:
        """What is asked for this question alone."""
        own = {
            "answer": self.answer,
            "min_confidence": self.min_confidence,
            "max_new_tokens": self.max_new_tokens,
        }
        return cast(
            "RequestOptions", {name: value for name, value in own.items() if value is not None}
        )


Questions: TypeAlias = Mapping[str, Ask | str]
"""Questions by name; a text is asked for free text."""


def parse_questions(questions: object) -> dict[str, Ask]:
    """The questions by name, in their order.

    Raises:
        BadPrompt: they are not a mapping, there are none, or a name or question is not one.
    """
    form = 'Pass {"total": Ask("What is the total?", float), "colour": "What colour is it?"}.'
    if not isinstance(questions, Mapping):
        raise BadPrompt(f"the questions are {type(questions).__name__}, not a mapping", form)
    asked: dict[str, Ask] = {}
    for name, question in cast("Mapping[object, object]", questions).items():
        if not isinstance(name, str) or not name.strip():
            raise BadPrompt(f"a question has the name {name!r}", "Give each a text as its name.")
        if not isinstance(question, (Ask, str)):
            kind = type(question).__name__
            raise BadPrompt(f"question {name!r} is {kind}, not a text or an Ask", form)
        asked[name] = question if isinstance(question, Ask) else Ask(question)
    if not asked:
        raise BadPrompt("there are no questions", form)
    return asked


@contextmanager
def naming(name: str) -> Generator[None]:
    """Have errors that are about one question say which one it was."""
    try:
        yield
    except (BadPrompt, BadOptions, SchemaNotSupported, IncompleteAnswer) as error:
        raise error.reworded(f"question {name!r}: {error.reason}", error.remedy) from error
