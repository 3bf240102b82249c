"""How near answers come to those that were expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...quality.evaluate.metrics import anls

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over answers, 0 to 1.

    Attributes:
        exact: equal, but for case, spaces and a full stop at the end.
        anls: see `quality.evaluate`; a full stop at the end does not count.
    """

    exact: float
    anls: float


def score_answers(pairs: Sequence[tuple[str, str]]) -> Scores:
    """Score (said, expected); all zero where there are none."""
    if not pairs:
        return Scores(0.0, 0.0)
    exact = sum(is_exact(said, wanted) for said, wanted in pairs)
    near = sum(anls(_plain(said), [_plain(wanted)]) for said, wanted in pairs)
    return Scores(exact / len(pairs), near / len(pairs))


def is_exact(said: str, wanted: str) -> bool:
    """Whether two answers are the same to a person."""
    return _plain(said) == _plain(wanted)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip().rstrip(".").rstrip().casefold()
