"""`answer_questions`: several questions about the same images, which are looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ...prompt.questions import Ask
from ...types import VisionResult
from ..inputs import Context, ImagesInput, MaxNewTokens, MinConfidence
from ..question import AnswerFields, QuestionFields, answer_fields
from ..replies import UNTRUSTED, Judgement, ModelReply, judgement
from ..schema import ToolOutput
from ..tool import EngineCall, ModelTool

MOST_QUESTIONS = 32


class NamedQuestion(QuestionFields):
    """One of the questions."""

    name: str = Field(
        min_length=1,
        max_length=100,
        description="Names its answer, such as total.",
    )


class AnswerQuestions(ImagesInput):
    """Arguments of `answer_questions`."""

    questions: list[NamedQuestion] = Field(
        min_length=1,
        max_length=MOST_QUESTIONS,
        description="Each is answered by itself, without knowledge of the others.",
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None

    @model_validator(mode="after")
    def _check_names(self) -> AnswerQuestions:
        names = [question.name for question in self.questions]
        if not all(name.strip() for name in names):
            raise PydanticCustomError("name_blank", "the name of a question is blank")
        if len(set(names)) < len(names):
            raise PydanticCustomError("names_repeated", "two questions have the same name")
        return self


class QuestionAnswer(Judgement, AnswerFields):
    """The answer to one question."""


class _Answers(ToolOutput):
    answers: dict[str, QuestionAnswer] = Field(
        description="The answer to each question, by its name."
    )


class AnswersReply(ModelReply, _Answers):
    """Result of `answer_questions`."""


def _ask(arguments: AnswerQuestions) -> EngineCall:
    asked = {each.name: Ask(each.question, each.answer()) for each in arguments.questions}
    return EngineCall("ask_many", (asked,))


def _report(results: Mapping[str, VisionResult]) -> dict[str, Any]:
    answers = {
        name: QuestionAnswer(**answer_fields(result), **judgement(result))
        for name, result in results.items()
    }
    return {"answers": answers}


TOOL = ModelTool(
    name="answer_questions",
    title="Answer several questions about an image",
    description="Answer up to 32 questions about the same image in one call that costs little more "
    "than one of them. Ask as in answer_question: one thing at a time, with an answer_type "
    "unless prose is wanted." + UNTRUSTED,
    input=AnswerQuestions,
    output=AnswersReply,
    ask=_ask,
    report=_report,
)
