"""A typed question as an agent puts it, and its answer: what the tools that ask questions share."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .. import constraints
from ..constraints import Rating
from ..errors import BadOptions
from ..types import VisionResult
from .replies import Words, words_of
from .schema import Arguments

AnswerType = Literal["text", "yes_no", "integer", "number", "date", "choice", "rating", "list"]


class QuestionFields(Arguments):
    """A question and the type of its answer."""

    question: str = Field(
        min_length=1,
        max_length=4_000,
        description="One short, concrete question.",
    )
    answer_type: AnswerType | None = Field(
        default=None,
        description="Type of value: yes_no a boolean, date ISO 8601, choice one of choices, rating "
        "the expected level of a scale, list texts; text (default) prose.",
    )
    choices: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        default=None,
        min_length=2,
        max_length=64,
        description="Of choice: possible answers; of rating: names of its levels, lowest first.",
    )
    levels: list[int] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="Of rating: lowest and highest level; [1, 5] if left out.",
    )

    @model_validator(mode="after")
    def _check_question_and_choices(self) -> QuestionFields:
        if not self.question.strip():
            raise PydanticCustomError("question_blank", "question is blank")
        if self.kind == "choice" and self.choices is None:
            raise PydanticCustomError("choices_missing", "answer_type choice needs choices")
        if self.kind not in ("choice", "rating") and self.choices is not None:
            raise PydanticCustomError(
                "choices_unused", f"choices do not go with answer_type {self.kind}"
            )
        if self.kind != "rating" and self.levels is not None:
            raise PydanticCustomError(
                "levels_unused", f"levels do not go with answer_type {self.kind}"
            )
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise PydanticCustomError("choices_repeated", "choices name an answer twice")
        if self.kind == "rating":
            try:
                self.answer()
            except BadOptions as error:
                raise PydanticCustomError("bad_rating", "{why}", {"why": error.reason}) from None
        return self

    @property
    def kind(self) -> AnswerType:
        """The answer's type; where none is given, what choices or levels mean."""
        if self.answer_type:
            return self.answer_type
        if self.levels is not None:
            return "rating"
        return "text" if self.choices is None else "choice"

    def answer(self) -> Any:
        """What the engine holds the answer to."""
        if self.kind == "text":
            return str
        if self.kind == "choice":
            return constraints.choices(self.choices or [])
        if self.kind == "rating":
            low, high = self.levels or ((1, 5) if self.choices is None else (None, None))
            return Rating(low, high, self.choices)
        return constraints.named(self.kind)


class AnswerFields(Words):
    """A typed answer."""

    value: bool | int | float | str | list[str] | None = Field(
        description="The answer in the type that was asked for; null if abstained."
    )
    probabilities: dict[str, float] | None = Field(
        default=None,
        description="Of every possible answer of yes_no, choice and rating; they sum to 1.",
    )


def answer_fields(result: VisionResult) -> dict[str, Any]:
    """The fields of `AnswerFields` by name."""
    value = result.value
    return {
        "text": words_of(result),
        "value": value.isoformat() if isinstance(value, datetime.date) else value,
        "probabilities": result.probabilities,
    }
