"""`answer_question`: one question, answered in the type that was asked for."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ... import constraints
from ...types import VisionResult
from ..inputs import Context, ImagesInput, MaxNewTokens, MinConfidence
from ..replies import UNTRUSTED, Reply, Words, words_of
from ..tool import EngineCall, ModelTool

AnswerType = Literal["text", "yes_no", "integer", "number", "date", "choice", "list"]


class AnswerQuestion(ImagesInput):
    """Arguments of `answer_question`."""

    question: str = Field(
        min_length=1,
        max_length=4_000,
        description="One short, concrete question about what is to be seen.",
    )
    answer_type: AnswerType | None = Field(
        default=None,
        description="What kind of answer must come back; value then is of that kind for certain: "
        "yes_no a boolean, integer and number a number, date an ISO 8601 date, choice one of "
        "choices, list a list of texts, text (the default) free text.",
    )
    choices: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        default=None,
        min_length=2,
        max_length=64,
        description="The possible answers, where answer_type is choice.",
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None

    @model_validator(mode="after")
    def _check_question_and_choices(self) -> AnswerQuestion:
        if not self.question.strip():
            raise PydanticCustomError("question_blank", "question is blank")
        if self.kind == "choice" and self.choices is None:
            raise PydanticCustomError("choices_missing", "answer_type choice needs choices")
        if self.kind != "choice" and self.choices is not None:
            raise PydanticCustomError(
                "choices_unused", f"choices do not go with answer_type {self.kind}"
            )
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise PydanticCustomError("choices_repeated", "choices name an answer twice")
        return self

    @property
    def kind(self) -> AnswerType:
        """The answer's type; "choice" if only choices were given."""
        return self.answer_type or ("text" if self.choices is None else "choice")


class _Answer(Words):
    value: bool | int | float | str | list[str] | None = Field(
        description="The answer in the type that was asked for; null if abstained."
    )
    probabilities: dict[str, float] | None = Field(
        default=None, description="Of every possible answer of yes_no and choice; they sum to 1."
    )


class AnswerReply(Reply, _Answer):
    """Result of `answer_question`."""


def _ask(arguments: AnswerQuestion) -> EngineCall:
    if arguments.kind == "choice":
        answer: Any = constraints.choices(arguments.choices or [])
    else:
        answer = str if arguments.kind == "text" else constraints.named(arguments.kind)
    return EngineCall("ask", (arguments.question,), {"answer": answer})


def _report(result: VisionResult) -> dict[str, Any]:
    value = result.value
    return {
        "text": words_of(result),
        "value": value.isoformat() if isinstance(value, datetime.date) else value,
        "probabilities": result.probabilities,
    }


TOOL = ModelTool(
    name="answer_question",
    title="Answer a question about an image",
    description="Answer one concrete question about an image. Set answer_type (yes_no, integer, "
    "number, date, choice, list) whenever the answer is not prose: value then has that "
    "type for certain. Ask one thing at a time; the model does not reason over several "
    "steps." + UNTRUSTED,
    input=AnswerQuestion,
    output=AnswerReply,
    ask=_ask,
    report=_report,
)
