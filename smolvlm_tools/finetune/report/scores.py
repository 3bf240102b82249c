"""How near answers come to those that were expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...quality.metrics import edits

_NEAR = 0.5
"""An answer less similar than this counts nothing for ANLS, as in DocVQA's paper."""

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over answers, 0 to 1.

    Attributes:
        exact: equal, but for case, spaces and a full stop at the end.
        anls: average normalized Levenshtein similarity; below 0.5 counts 0.
    """

    exact: float
    anls: float


def score_answers(pairs: Sequence[tuple[str, str]]) -> Scores:
    """Score (said, expected); all zero where there are none."""
    if not pairs:
        return Scores(0.0, 0.0)
    exact = sum(is_exact(said, wanted) for said, wanted in pairs)
    near = sum(similarity(said, wanted) for said, wanted in pairs)
    return Scores(exact / len(pairs), near / len(pairs))


def is_exact(said: str, wanted: str) -> bool:
    """Whether two answers are the same to a person."""
    return _plain(said) == _plain(wanted)


def similarity(said: str, wanted: str) -> float:
    """1 less the edits per character of the longer one; 0 where that is below 0.5."""
    said, wanted = _plain(said), _plain(wanted)
    longer = max(len(said), len(wanted))
    near = 1 - edits(said, wanted) / longer if longer else 1.0
    return near if near >= _NEAR else 0.0


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip().rstrip(".").rstrip().casefold()
