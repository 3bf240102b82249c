"""Transcriptions that are known without the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..types import TextSource
from .request import Request
from .tasks import reads_print


class Readable(Protocol):
    """An image that may have text."""

    @property
    def is_blank(self) -> bool: ...

    @property
    def own_text(self) -> str | None: ...


class KnownText(NamedTuple):
    """A transcription, and where it comes from."""

    text: str
    source: TextSource


def known_text(request: Request, images: Sequence[Readable], is_text: bool) -> KnownText | None:
    """What is to be transcribed, if images are blank by their pixels, or documents have the text.

    Args:
        is_text: whether the reply is to be text or lines, and not another type.
    """
    if not (images and is_text and reads_print(request.task)):
        return None
    if all(image.is_blank for image in images):
        return KnownText("", "model")
    own = [image.own_text for image in images if image.own_text is not None]
    if not request.own_text or len(own) < len(images):
        return None
    return KnownText("\n\n".join(own), "layer")
