"""Arguments that several tools share, described for the language model that fills them in.

A tool that looks at one or several images takes `image` or `images`, exactly one of them, and both
are optional in its schema. OpenAI's and Anthropic's tool schemas do not accept a `oneOf` at the top
level to say so; forms (MCP Inspector) and small models cope worst with one field that is a text or
a list; and always taking a list makes the usual call, with one image, clumsy. So the descriptions
state the rule, this file checks it, and the error repeats it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ..pages.video import parse_frames
from ..types.checks import CheckName
from .page_choice import MAX_IMAGES, PageChoice
from .schema import ToolInput

IMAGE_FORMS = "path, data URI, URL or earlier result's handle img:... of an image, PDF or TIFF"
ImageText: TypeAlias = Annotated[str, Field(min_length=1)]
ImageArgument: TypeAlias = Annotated[str, Field(min_length=1, description=f"A {IMAGE_FORMS}.")]
PAGES_FORM = "such as 2 or 1-3,7 or 2-"
PagesArgument: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=200,
        description=f"Of documents: which pages, {PAGES_FORM}.",
    ),
]
Context: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=20_000,
        description="Text around the image, such as a caption.",
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
    Field(description="Have OCR read it too: check.evidence tells where values are printed."),
]
MinConfidence: TypeAlias = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=1.0,
        description="Below it the answer is held back (abstained).",
    ),
]
MinFieldConfidence: TypeAlias = Annotated[
    float | None,
    Field(
        ge=0.0,
        le=1.0,
        description="Make a field null below this confidence; where the schema allows no null, "
        "name it in unsure_fields.",
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


class VideosInput(ImagesInput):
    """Arguments of a tool that takes videos, too."""

    frames: str | None = Field(
        default=None,
        description="Of a video or animation: how many frames; or 2fps, scenes, auto.",
    )
    start: str | None = Field(default=None, description="Where to begin, such as 1:30.")
    end: str | None = Field(default=None, description="Where to end.")

    @property
    def page_choice(self) -> PageChoice:
        frames = parse_frames(self.frames, self.start, self.end)
        return replace(super().page_choice, takes_videos=True, frames=frames)
