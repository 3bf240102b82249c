"""What is said to the model: texts and images in turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AliasChoices, BeforeValidator, Field

from .names import Role
from .value import Value


class TextPart(Value):
    """A run of text inside a message."""

    type: Literal["text"] = "text"
    text: str


class PageRef(Value):
    """Where an image came from; as text "scan.tif, page 2 of 5" or "clip.mp4 at 0:12".

    Attributes:
        source: the path or URL as the caller gave it; None for what had neither.
        page: which page of it, from 1.
        pages: how many it has; 1 for an image.
        seconds: when it is shown, of a frame of a video.
    """

    source: str | None = None
    page: int = 1
    pages: int = 1
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is not None:
            minutes, seconds = divmod(int(self.seconds), 60)
            return f"{self.source or 'the video'} at {minutes}:{seconds:02d}"
        source = self.source or "the image"
        return source if self.pages == 1 else f"{source}, page {self.page} of {self.pages}"


class ImagePart(Value):
    """An image inside a message.

    Attributes:
        image: any source `load_image` takes: path, URL, data URI, base64, bytes, file object,
            PIL image or numpy array. The dict form may call it "url", "path" or "base64", as
            transformers' chat templates do; the name changes nothing.
        pages: which pages of a document (PDF, TIFF or animation with several): "1-3,7", "2-",
            "all" or a number. Each becomes an image, in this order.
        frames: which frames of a video or animation: "auto", a number, a rate such as "2fps", or
            "scenes"; see docs/video.md.
        start, end: the part of the video that they are taken from: seconds, or a time as "1:30".
    """

    type: Literal["image"] = "image"
    image: Annotated[Any, Field(validation_alias=AliasChoices("image", "url", "path", "base64"))]
    pages: str | int | None = None
    frames: str | int | None = None
    start: str | float | None = None
    end: str | float | None = None


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


def _as_parts(content: Any) -> Any:
    return [TextPart(text=content)] if isinstance(content, str) else content


class Message(Value):
    """One turn of a conversation.

    Attributes:
        role: who speaks.
        content: text and images in the order the model reads them; a plain string is one text.
    """

    role: Role
    content: Annotated[tuple[Part, ...], BeforeValidator(_as_parts), Field(min_length=1)]


MessageLike: TypeAlias = Message | Mapping[str, Any]
"""A `Message`, or the dict form of transformers' chat templates."""
