"""How replies are scored against the right answers.

Counts are added up over all samples before they are divided, so a sample weighs by its size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias

Metric: TypeAlias = Literal["exact", "f1", "cer"]

WORDS = r"\w+"
"""What `f1` counts unless a task names another pattern."""


def units(text: str, pattern: str = WORDS) -> Counter[str]:
    """What `f1` counts in a text: the whole matches of `pattern`."""
    return Counter(match.group() for match in re.finditer(pattern, text))


def f1(hits: int, said: int, there: int) -> float:
    """Harmonic mean of precision and recall; 1 when nothing was there and nothing was said."""
    return 2 * hits / (said + there) if said + there else 1.0


def edits(said: str, wanted: str) -> int:
    """Levenshtein distance in characters."""
    row = list(range(len(wanted) + 1))
    for index, left in enumerate(said, start=1):
        above, row[0] = row[0], index
        for column, right in enumerate(wanted, start=1):
            swap = above + (left != right)
            above, row[column] = row[column], min(swap, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def score(metric: Metric, pairs: Iterable[tuple[str, str]], pattern: str = WORDS) -> float:
    """The score of replies, each beside the right answer. A higher `cer` is worse.

    exact: share of replies that equal the answer. f1: over the matches of `pattern` in both. cer:
    edits per character of the answers; a reply costs at most as many as an empty one, so that one
    endless reply does not outweigh all the others.
    """
    pairs = list(pairs)
    if metric == "exact":
        return sum(said == wanted for said, wanted in pairs) / len(pairs)
    if metric == "f1":
        return _f1(pairs, pattern)
    wrong = sum(min(edits(said, wanted), len(wanted)) for said, wanted in pairs)
    return wrong / sum(len(wanted) for _, wanted in pairs)


def loss(metric: Metric, reference: float, found: float) -> float:
    """How much worse `found` is than the reference's score; negative where it is better."""
    return found - reference if metric == "cer" else reference - found


def _f1(pairs: list[tuple[str, str]], pattern: str) -> float:
    hits = said = there = 0
    for reply, answer in pairs:
        found, wanted = units(reply, pattern), units(answer, pattern)
        hits += (found & wanted).total()
        said += found.total()
        there += wanted.total()
    return f1(hits, said, there)
