"""`transcribe_image`: the text printed in an image."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...types import TextLayout, VisionResult
from ..inputs import Context, ImagesInput, MaxNewTokens, MinConfidence
from ..replies import UNTRUSTED, Reply, Words, words_of
from ..tool import EngineCall, ModelTool


class TranscribeImage(ImagesInput):
    """Arguments of `transcribe_image`."""

    layout: TextLayout = Field(
        default="plain",
        description="plain: the text as it runs; lines: one line for each line of print; "
        "markdown: headings, lists and tables as Markdown.",
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None


class _Lines(Words):
    value: list[str] | None = Field(
        default=None, description="The lines of print, where layout was lines."
    )


class TranscribeReply(Reply, _Lines):
    """Result of `transcribe_image`."""


def _ask(arguments: TranscribeImage) -> EngineCall:
    return EngineCall("transcribe", options={"layout": arguments.layout})


def _report(result: VisionResult) -> dict[str, Any]:
    lines = result.value if isinstance(result.value, list) else None
    return {"text": words_of(result), "value": lines}


TOOL = ModelTool(
    name="transcribe_image",
    title="Read the text in an image",
    description="Read the print in an image, such as a sign, a receipt or a page. Small print in a "
    "large picture, handwriting and long pages are read with mistakes; to get certain "
    "values from a document use extract_fields." + UNTRUSTED,
    input=TranscribeImage,
    output=TranscribeReply,
    ask=_ask,
    report=_report,
)
