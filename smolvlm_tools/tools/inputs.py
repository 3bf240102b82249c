"""What each tool takes, in words for the language model that fills it in.

A tool that looks at one or several images takes `image` or `images`, exactly one of them, and both
are optional in its schema. Saying so by `oneOf` is what OpenAI's and Anthropic's tool schemas do
not take at the top level; one field that is a text or a list is what forms (MCP Inspector) and
small models handle worst; and a list for everything makes the usual call, one image, the clumsy
one. So the rule is told in the descriptions and checked here, and an error tells it again.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ..types import Detail, Layout, Task
from .schema import ToolInput

MAX_IMAGES = 8
AnswerType = Literal["text", "yes_no", "integer", "number", "date", "choice", "list"]

_FORMS = (
    "a file path, a data URI, an http(s) URL (only where the server allows fetching), or a handle "
    "like img:0123456789abcdef from an earlier result, which resends nothing"
)
_Source: TypeAlias = Annotated[str, Field(min_length=1)]
_Image: TypeAlias = Annotated[str, Field(min_length=1, description=f"The image: {_FORMS}.")]
_Context: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=20_000,
        description="Text that surrounds the image or says what it is about, such as a caption or "
        "the paragraph before it. It helps the model to read names and numbers right.",
    ),
]
_MaxNewTokens: TypeAlias = Annotated[
    int | None,
    Field(
        ge=1,
        le=4096,
        description="Longest reply in tokens (about four characters each); 512 if left out. A "
        "reply that is cut off has finish_reason length.",
    ),
]
_MinConfidence: TypeAlias = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=1.0,
        description="Hold the answer back (abstained: true) if the model's confidence is lower.",
    ),
]


class OfImages(ToolInput):
    """Arguments of a tool that takes one image or several."""

    image: _Image | None = None
    images: list[_Source] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_IMAGES,
        description="Several images that are to be looked at together, in this order; instead of "
        "image. Each as image takes it.",
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> OfImages:
        if (self.image is None) == (self.images is None):
            have = "neither" if self.image is None else "both"
            raise PydanticCustomError(
                "image_or_images", f"give image or images, exactly one of the two; {have} is there"
            )
        return self

    @property
    def sources(self) -> list[str]:
        """The image arguments in order."""
        return self.images if self.image is None else [self.image]  # pyright: ignore[reportReturnType]


class DescribeImage(OfImages):
    """Arguments of `describe_image`."""

    detail: Detail = Field(
        default="normal", description="brief: one sentence; detailed: everything there is to see."
    )
    context: _Context = None
    min_confidence: _MinConfidence = None
    max_new_tokens: _MaxNewTokens = None


class AnswerQuestion(OfImages):
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
    context: _Context = None
    min_confidence: _MinConfidence = None
    max_new_tokens: _MaxNewTokens = None

    @model_validator(mode="after")
    def _choices_where_they_belong(self) -> AnswerQuestion:
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
        """The answer's type: as said, or "choice" where only choices were given."""
        return self.answer_type or ("text" if self.choices is None else "choice")


class TranscribeImage(OfImages):
    """Arguments of `transcribe_image`."""

    layout: Layout = Field(
        default="plain",
        description="plain: the text as it runs; lines: one line for each line of print; "
        "markdown: headings, lists and tables as Markdown.",
    )
    context: _Context = None
    min_confidence: _MinConfidence = None
    max_new_tokens: _MaxNewTokens = None


def _parse_text(value: Any) -> Any:
    """Take a schema that a client sent as JSON text, as some do with every object."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise PydanticCustomError(
            "schema_text", "should be an object, and the text is no JSON"
        ) from None


class ExtractFields(OfImages):
    """Arguments of `extract_fields`."""

    fields: Annotated[dict[str, Any], BeforeValidator(_parse_text)] = Field(
        alias="schema",
        description="JSON Schema (draft 2020-12) of the object to fill in, such as "
        '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}. '
        "Say in each field's name what it is. Few, flat fields work best.",
    )
    context: _Context = None
    min_confidence: _MinConfidence = None
    max_new_tokens: _MaxNewTokens = None


class CompareImages(ToolInput):
    """Arguments of `compare_images`."""

    images: list[_Source] = Field(
        min_length=2,
        max_length=MAX_IMAGES,
        description=f"The images to compare, in order: each {_FORMS}.",
    )
    question: str | None = Field(
        default=None,
        min_length=1,
        max_length=4_000,
        description="What to compare; if left out: what is the same and what differs.",
    )
    context: _Context = None
    min_confidence: _MinConfidence = None
    max_new_tokens: _MaxNewTokens = None

    @property
    def sources(self) -> list[str]:
        """The image arguments in order."""
        return self.images


class PlanImage(OfImages):
    """Arguments of `plan_image`."""

    task: Task = Field(
        default="describe", description="What would be done; ask stands for all questions."
    )


class LoadImage(ToolInput):
    """Arguments of `load_image`."""

    image: _Image

    @property
    def sources(self) -> list[str]:
        """The image argument."""
        return [self.image]
