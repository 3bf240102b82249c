"""Arguments that several tools share, described for the language model that fills them in.

A tool that looks at one or several images takes `image` or `images`, exactly one of them, and both
are optional in its schema. OpenAI's and Anthropic's tool schemas do not accept a `oneOf` at the top
level to say so; forms (MCP Inspector) and small models cope worst with one field that is a text or
a list; and always taking a list makes the usual call, with one image, clumsy. So the descriptions
state the rule, this file checks it, and the error repeats it.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ..types.checks import CheckName
from .page_choice import MAX_IMAGES, PageChoice
from .schema import ToolInput

IMAGE_FORMS = (
    "path, data URI, URL (where allowed) or earlier result's handle img:... of an image, PDF or "
    "TIFF"
)
ImageText: TypeAlias = Annotated[str, Field(min_length=1)]
ImageArgument: TypeAlias = Annotated[str, Field(min_length=1, description=f"A {IMAGE_FORMS}.")]
PAGES_FORM = "such as 2 or 1-3,7 or 2-"
PagesArgument: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=200,
        description=f"Of each document: which pages, {PAGES_FORM}; needed if it has several.",
    ),
]
Context: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=20_000,
        description="Text around the image, such as its caption, that helps to read it right.",
    ),
]
MaxNewTokens: TypeAlias = Annotated[
    int | None,
    Field(
        ge=1,
        le=4096,
        description="Longest reply in tokens; 512 if left out.",
    ),
]
EvidenceCheck: TypeAlias = Annotated[
    CheckName | None,
    Field(description="Have it read by OCR too; check.evidence then tells where values stand."),
]
MinConfidence: TypeAlias = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=1.0,
        description="Hold the answer back (abstained: true) below this confidence.",
    ),
]
MinFieldConfidence: TypeAlias = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=1.0,
        description="Make a field null if the model's confidence in it is lower; where the schema "
        "does not allow null, name it in unsure_fields.",
    ),
]


class ImagesInput(ToolInput):
    """Arguments of a tool that takes one image or several."""

    image: ImageArgument | None = None
    images: list[ImageText] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_IMAGES,
        description="Instead of image: several, looked at together.",
    )
    pages: PagesArgument = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ImagesInput:
        if (self.image is None) == (self.images is None):
            have = "neither" if self.image is None else "both"
            raise PydanticCustomError(
                "image_or_images", f"give image or images, exactly one of the two; {have} is there"
            )
        return self

    @property
    def sources(self) -> list[str]:
        return self.images if self.image is None else [self.image]  # pyright: ignore[reportReturnType]

    @property
    def page_choice(self) -> PageChoice:
        return PageChoice(self.pages)
