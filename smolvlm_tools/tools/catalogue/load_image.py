"""`load_image`: a handle for an image, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ...errors import BadPrompt, ModelError
from ..image_store import StoredImage
from ..inputs import ImageArgument
from ..outlook import Outlook
from ..page_choice import PageChoice
from ..redact import without_paths
from ..replies import ImageRef
from ..schema import ToolInput
from ..tool import ImageTool


class LoadImage(ToolInput):
    """Arguments of `load_image`."""

    image: ImageArgument
    pages: str | None = Field(
        default=None,
        max_length=200,
        description="Which page of a document, such as 2; needed where it has several.",
    )

    @property
    def sources(self) -> list[str]:
        return [self.image]

    @property
    def page_choice(self) -> PageChoice:
        return PageChoice(self.pages, most=1)


class LoadedImageRef(ImageRef):
    """Result of `load_image`."""

    format: str = Field(
        description="PNG, JPEG, WEBP, HEIF, GIF, BMP or TIFF; PNG for a page of several."
    )
    is_blank: bool = Field(description="Whether it shows nothing: do not ask about it then.")
    tiles: int | None = Field(default=None, description="Pieces that it will be cut into.")
    tokens: int | None = Field(
        default=None, description="Prompt tokens that it will take in each call."
    )
    note: str | None = Field(default=None, description="Why tiles and tokens are missing.")


def _look(outlook: Outlook, _: LoadImage, images: Sequence[StoredImage]) -> LoadedImageRef:
    [image] = images
    cost: dict[str, Any]
    try:
        plan = outlook.plan(images, "describe").plan
        cost = {"tiles": plan.tiles, "tokens": plan.images[0].tokens}
    except (BadPrompt, ModelError) as error:  # the image is loaded all the same
        cost = {"note": without_paths(str(error))}
    return LoadedImageRef(
        **ImageRef.of(image).model_dump(),
        format=image.format,
        is_blank=image.is_blank,
        **cost,
    )


TOOL = ImageTool(
    name="load_image",
    title="Load an image once",
    description="Check an image, or a page of a document, and get a short handle for it, which "
    "every tool takes as image, so that follow-ups resend nothing. Use it first for a data URI. A "
    "handle lasts until many other images were used.",
    input=LoadImage,
    output=LoadedImageRef,
    look=_look,
)
