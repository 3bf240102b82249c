"""A question and its answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A question, its answer and the kind it is counted under."""

    kind: str
    question: str
    answer: str
