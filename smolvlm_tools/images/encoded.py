"""The bytes of an image file, and what is wanted of its pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..types import Flag, PageRef

Size: TypeAlias = tuple[int, int]
"""(width, height) in pixels."""

ReduceTo: TypeAlias = Callable[[Size], Size | None]
"""From an image's upright size to the size at which it is needed; None for all pixels."""

CheckPixels: TypeAlias = Callable[[Size], None]
"""Called with the size at which an image will be decoded; raises if that is too much."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The bytes of an image file, which nothing has looked at yet."""

    data: bytes
    name: str
    """What errors call it."""
    mime: str | None = None
    """The type that the source claimed, if it claimed one."""
    ref: PageRef = field(default_factory=PageRef)
    """Where it came from."""
    own_text: str | None = None
    """The text that its document has for it, where that can be trusted."""
    layer_flags: tuple[Flag, ...] = ()
    """What a reader should know of its document's text layer."""
