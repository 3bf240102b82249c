"""`answer_question`: one question, answered in the type that was asked for."""

from __future__ import annotations

from ..inputs import Context, ImagesInput, MaxNewTokens, MinConfidence
from ..question import AnswerFields, QuestionFields, answer_fields
from ..replies import UNTRUSTED, Reply
from ..tool import EngineCall, ModelTool


class AnswerQuestion(QuestionFields, ImagesInput):
    """Arguments of `answer_question`."""

    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None


class AnswerReply(Reply, AnswerFields):
    """Result of `answer_question`."""


def _ask(arguments: AnswerQuestion) -> EngineCall:
    return EngineCall("ask", (arguments.question,), {"answer": arguments.answer()})


TOOL = ModelTool(
    name="answer_question",
    title="Answer a question about an image",
    description="Answer one concrete question about an image. Set answer_type (yes_no, integer, "
    "number, date, choice, rating, list) whenever the answer is not prose: value then has that "
    "type for certain. Ask one thing at a time; the model does not reason over several "
    "steps. For several questions use answer_questions." + UNTRUSTED,
    input=AnswerQuestion,
    output=AnswerReply,
    ask=_ask,
    report=answer_fields,
)
