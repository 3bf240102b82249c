"""A conversation with one image part for each page and frame, and the words around frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..images import LoadedImage
from ..types import ImagePart, Message, Part, TextPart


def with_each_image(messages: Sequence[Message], images: Sequence[LoadedImage]) -> list[Message]:
    """The conversation as it is said to the model.

    Args:
        images: of its image parts, in order; a document or video has several.
    """
    if not any(image.follows or image.is_frame for image in images):
        return list(messages)
    groups = iter(_by_part(images))
    return [
        message.model_copy(
            update={
                "content": tuple(
                    said
                    for part in message.content
                    for said in (
                        _spoken(part, next(groups)) if isinstance(part, ImagePart) else [part]
                    )
                )
            }
        )
        for message in messages
    ]


def _by_part(images: Sequence[LoadedImage]) -> Iterator[list[LoadedImage]]:
    group: list[LoadedImage] = []
    for image in images:
        if group and not image.follows:
            yield group
            group = []
        group.append(image)
    yield group


def _spoken(part: ImagePart, images: Sequence[LoadedImage]) -> Iterator[Part]:
    for image in images:
        before, after = image.said
        if before:
            yield TextPart(text=before)
        yield part
        if after:
            yield TextPart(text=after)
