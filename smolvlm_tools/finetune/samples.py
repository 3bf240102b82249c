"""What is learned from: conversations that end with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..types import Message


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation whose assistant's turns are to be learned.

    Attributes:
        messages: the turns; the last is the assistant's. Images stand where the model reads them,
            as sources that `load_image` knows (paths are absolute).
        place: where it was read, as a person would look it up: "train.jsonl:12", "cats/1.png".
    """

    messages: tuple[Message, ...]
    place: str


class Samples(Protocol):
    """Samples in the order of their file; each is read from disk when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True, slots=True)
class Split:
    """Samples to learn from, and samples that are held apart.

    Attributes:
        notes: what was left out or changed while reading, a line each, for the person.
    """

    training: Samples
    validation: Samples
    notes: Sequence[str] = ()
