"""`describe_image`: an image in words."""

from __future__ import annotations

from pydantic import Field

from ...types import Detail
from ..inputs import Context, MaxNewTokens, MinConfidence, VideosInput
from ..replies import UNTRUSTED, TextReply
from ..tool import EngineCall, ModelTool


class DescribeImage(VideosInput):
    """Arguments of `describe_image`."""

    detail: Detail = Field(
        default="normal", description="brief: one sentence; detailed: everything there is to see."
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None


def _ask(arguments: DescribeImage) -> EngineCall:
    return EngineCall("describe", options={"detail": arguments.detail})


TOOL = ModelTool(
    name="describe_image",
    title="Describe an image",
    description="Say in words what an image shows. Use it for captions, alt text and a first look. "
    "For one fact use answer_question, for print transcribe_image." + UNTRUSTED,
    input=DescribeImage,
    output=TextReply,
    ask=_ask,
)
