"""`compare_images`: what several images have in common and where they differ."""

from __future__ import annotations

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ..inputs import (
    IMAGE_FORMS,
    Context,
    ImageText,
    MaxNewTokens,
    MinConfidence,
    PagesArgument,
)
from ..page_choice import MAX_IMAGES, PageChoice
from ..replies import UNTRUSTED, TextReply
from ..schema import ToolInput
from ..tool import EngineCall, ModelTool

_COMPARE = "What is the same in these images, and what is different?"


class CompareImages(ToolInput):
    """Arguments of `compare_images`."""

    images: list[ImageText] = Field(
        min_length=1,
        max_length=MAX_IMAGES,
        description=f"In order; one where its pages are compared. Each is a {IMAGE_FORMS}.",
    )
    pages: PagesArgument = None
    question: str | None = Field(
        default=None,
        min_length=1,
        max_length=4_000,
        description="What to compare; if left out: what is the same and what differs.",
    )
    context: Context = None
    min_confidence: MinConfidence = None
    max_new_tokens: MaxNewTokens = None

    @model_validator(mode="after")
    def _several(self) -> CompareImages:
        if len(self.images) == 1 and self.pages is None:
            raise PydanticCustomError(
                "one_image", "give two or more images, or one document and its pages to compare"
            )
        return self

    @property
    def sources(self) -> list[str]:
        return self.images

    @property
    def page_choice(self) -> PageChoice:
        return PageChoice(self.pages, least=2)


def _ask(arguments: CompareImages) -> EngineCall:
    return EngineCall("ask", (arguments.question or _COMPARE,))


TOOL = ModelTool(
    name="compare_images",
    title="Compare images",
    description="Look at two or more images together and say what is the same and what differs, or "
    "answer a question about them. Fine differences in large pictures get lost; asking "
    "answer_question about each image alone is surer." + UNTRUSTED,
    input=CompareImages,
    output=TextReply,
    ask=_ask,
)
