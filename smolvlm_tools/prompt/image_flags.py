"""What a reader of a reply should know of its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..types import Flag
from .request import Request
from .tasks import reads_print


class Flagged(Protocol):
    """An image that was looked at."""

    @property
    def is_blank(self) -> bool: ...

    @property
    def turned(self) -> int: ...

    @property
    def layer_flags(self) -> tuple[Flag, ...]: ...


def image_flags(request: Request, images: Sequence[Flagged]) -> list[Flag]:
    """The flags of a reply that follow from its images."""
    flags: list[Flag] = []
    if any(image.is_blank for image in images):
        flags.append("blank_image")
    if any(image.turned for image in images):
        flags.append("turned")
    layers = [image.layer_flags for image in images] if reads_print(request.task) else []
    distinct: dict[Flag, None] = dict.fromkeys(flag for layer in layers for flag in layer)
    flags.extend(distinct)
    return flags
