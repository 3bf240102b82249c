"""`answer_question`: one question, answered in the type that was asked for."""

from __future__ import annotations

from typing import Any

from ...types import VisionResult
from ..checked import CheckedFields
from ..inputs import Context, EvidenceCheck, MaxNewTokens, MinConfidence, VideosInput
from ..question import AnswerFields, QuestionFields, answer_fields
from ..replies import UNTRUSTED, Reply
from ..tool import EngineCall, ModelTool


class AnswerQuestion(QuestionFields, VideosInput):
    """Arguments of `answer_question`."""

    check: EvidenceCheck = None
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None


class AnswerReply(Reply, CheckedFields, AnswerFields):
    """Result of `answer_question`."""


def _ask(arguments: AnswerQuestion) -> EngineCall:
    return EngineCall(
        "ask", (arguments.question,), {"answer": arguments.answer(), "check": arguments.check}
    )


def _report(result: VisionResult) -> dict[str, Any]:
    return {**answer_fields(result), "check": result.check}


TOOL = ModelTool(
    name="answer_question",
    title="Answer a question about an image",
    description="Answer one concrete question about an image. Set answer_type "
    "whenever the answer is not prose: value then has that type for certain. Ask one thing at a "
    "time; the model does not reason over several steps. For several questions use "
    "answer_questions." + UNTRUSTED,
    input=AnswerQuestion,
    output=AnswerReply,
    ask=_ask,
    report=_report,
)
