"""What a document holds besides the look of a page: its text layer and its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..types import Flag

LayerKind: TypeAlias = Literal["digital", "ocr", "garbage", "none"]
"""digital: text that is drawn; ocr: most of it is invisible, as what OCR programs lay over a scan;
garbage: its characters make no words, as with a broken encoding; none: there is no text, or only a
stamp or page number on a page whose print is an image or drawing."""

BBox: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions 0 to 1 of the upright page, from its top left corner."""


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The text that a document itself has for a page.

    Attributes:
        text: in PDFium's reading order, lines ended by a line feed. Words that were divided at a
            line's end are whole, and characters that steer a terminal or hide text are left out.
        kind: whether it can be trusted; only "digital" text is what a reader sees.
        has_hidden: whether some of it is invisible: readers see less than there is.
    """

    text: str
    kind: LayerKind
    has_hidden: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether it can stand for the page's text."""
        return self.kind == "digital"

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What a reader should know of it; see `VisionResult.flags`."""
        flags: list[Flag] = []
        if self.kind == "ocr":
            flags.append("ocr_layer")
        if self.kind == "garbage":
            flags.append("garbage_layer")
        if self.has_hidden:
            flags.append("hidden_text")
        return tuple(flags)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a page, as the page shows it: clipped, and with what is drawn over it.

    Attributes:
        number: from 1, in the order in which the page draws them.
        bbox: where it stands.
        data: the picture, encoded.
        mime: of `data`, such as "image/png".
        sha256: hex digest of `data`.
        width, height: in pixels.
        is_blank: whether it shows nothing; see `LoadedImage.is_blank`.
    """

    number: int
    bbox: BBox
    data: bytes
    mime: str
    sha256: str
    width: int
    height: int
    is_blank: bool = False
