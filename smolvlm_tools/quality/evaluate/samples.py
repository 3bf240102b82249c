"""One question of a benchmark, and where questions come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...images import ImageSource


@dataclass(frozen=True, slots=True)
class Sample:
    """One question with its right answers.

    Attributes:
        id: what it is called in its file.
        question: as it is published, without the words that a task puts around it.
        answers: every answer that is accepted; of a choice, the letter.
        images: sources that `load_image` takes, in the order in which the question counts them.
        options: of a choice: its letters and their texts.
        category: what its score is also counted under; "" for none.
        hint: text that stands before the question; "" for none.
        kind: of an answer, where a metric distinguishes them (MathVista: "integer", "float", …).
    """

    id: str
    question: str
    answers: tuple[str, ...]
    images: tuple[ImageSource, ...]
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    category: str = ""
    hint: str = ""
    kind: str = ""


class Source(Protocol):
    """Samples in the order of their file, of which only those that are asked for are in memory."""

    def __len__(self) -> int: ...

    @property
    def digest(self) -> str:
        """Of all its content, in hexadecimal digits."""
        ...

    @property
    def left_out(self) -> int:
        """Rows that are no samples: without an image, or of another split."""
        ...

    def read(self, numbers: Sequence[int], /) -> Iterator[Sample]:
        """The samples of these numbers, which rise from 0 on.

        Raises:
            BadOptions: a row lacks what a sample needs; the reason names it.
        """
        ...


def lettered(texts: Sequence[str]) -> dict[str, str]:
    """Options under the letters A, B, C and so on."""
    return {chr(ord("A") + at): text for at, text in enumerate(texts)}
