"""The text layer first: when a page's own text stands in for its transcription."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from ..pages import Pages, TextLayer

TextFrom: TypeAlias = Literal["auto", "layer", "model"]
"""Where a page's text comes from: "auto" from its text layer where that is sound, else from the
model; "layer" never from the model; "model" always."""


class OwnText(NamedTuple):
    """The text that a document itself has for a page.

    Attributes:
        layer: None where it has none.
        is_used: whether it is the page's transcription, so that the model is not asked for one.
    """

    layer: TextLayer | None
    is_used: bool

    @property
    def text(self) -> str:
        """The transcription, if it is used; it may be empty."""
        return self.layer.text.strip() if self.layer and self.is_used else ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader should know of the layer; see `Record`."""
        return flags_of(self.layer)


def flags_of(layer: TextLayer | None) -> tuple[str, ...]:
    """What a reader should know of a layer; see `Record.flags`."""
    return () if layer is None else layer.flags


def read_own_text(pages: Pages, number: int, choice: TextFrom) -> OwnText | None:
    """The own text of a page, where there is a choice; None where the model is always asked.

    Raises:
        InputError: the page cannot be read.
    """
    if choice == "model":
        return None
    layer = pages.text(number)
    return OwnText(layer, choice == "layer" or (layer is not None and layer.is_sound))
