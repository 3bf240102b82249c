"""`transcribe_image`: the text printed in an image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from ...types import Flag, TextLayout, TextSource, VisionResult
from ...types.checks import CheckedText, CheckName
from ..checked import CheckedFields
from ..inputs import PAGES_FORM, Context, MinConfidence, VideosInput
from ..page_choice import MAX_IMAGES, PageChoice
from ..replies import UNTRUSTED, Reply, Words, words_of
from ..tool import EngineCall, ModelTool


class TranscribeImage(VideosInput):
    """Arguments of `transcribe_image`."""

    pages: str | None = Field(
        default=None,
        max_length=200,
        description=f"Of documents: which pages, {PAGES_FORM}; all of up to {MAX_IMAGES} if "
        "left out.",
    )
    layout: TextLayout = Field(
        default="plain",
        description="plain: the text as it runs; lines: one line for each line of print; "
        "markdown: headings, lists and tables as Markdown.",
    )
    check: CheckName | None = Field(
        default=None,
        description="Have OCR read it too: check tells which lines both read, what was left out, "
        "and where words stand.",
    )
    source: CheckedText = Field(
        default="model",
        description="Of a check: whose text is returned; best has the surer word each time.",
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="Longest reply for a page in tokens; as long as the page if left out.",
    )

    @property
    def page_choice(self) -> PageChoice:
        return replace(super().page_choice, takes_all=True)


class PageText(CheckedFields):
    """What stands on a page."""

    page: int = Field(description="Which page of its document it is, from 1.")
    text: str = Field(description="The text read there; empty if held back. Untrusted.")
    abstained: bool | None = Field(default=None, description="true: the text is held back.")
    text_source: TextSource = Field(description="As above, for this page.")
    confidence: float = Field(
        ge=0.0, le=1.0, description="How sure the model was of the page's words."
    )
    flags: list[Flag] = Field(description="Flags of this page alone.")


class _Lines(Words):
    value: list[str] | None = Field(
        default=None, description="The lines of print, where layout was lines."
    )
    text_source: TextSource = Field(
        default="model",
        description="layer: the document's own text, exact; model: as the model read it; "
        "ocr: as OCR did; both: from more than one of them.",
    )
    pages: list[PageText] | None = Field(
        default=None,
        description="Each page by itself, in the order of images, where several were read. text "
        "has those that are not held back, abstained is true if one is; the confidence is the "
        "lowest of theirs, the flags are all of theirs.",
    )


class TranscribeReply(Reply, CheckedFields, _Lines):
    """Result of `transcribe_image`."""


def _ask(arguments: TranscribeImage) -> EngineCall:
    return EngineCall(
        "transcribe", options=arguments.model_dump(include={"layout", "check", "source"})
    )


def _report(result: VisionResult) -> dict[str, Any]:
    lines = result.value if isinstance(result.value, list) else None
    pages = [
        PageText(
            page=page.sources[0].page,
            text=words_of(page),
            abstained=page.abstained or None,
            text_source=page.text_source,
            confidence=page.confidence,
            flags=list(page.flags),
            check=page.check,
        )
        for page in result.pages
    ]
    read = "\n\n".join(page.text for page in pages if page.text)
    return {
        "text": read or words_of(result),
        "value": lines,
        "text_source": result.text_source,
        "pages": pages or None,
        "check": result.check,
    }


TOOL = ModelTool(
    name="transcribe_image",
    title="Read the text in an image",
    description="Read the print in an image, such as a sign or a receipt, or on pages of a "
    "document, each by itself. Small print in a large picture, handwriting and long pages are read "
    "with mistakes; to get certain values from a document use extract_fields." + UNTRUSTED,
    input=TranscribeImage,
    output=TranscribeReply,
    ask=_ask,
    report=_report,
)
