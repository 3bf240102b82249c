"""How answers are scored."""

from __future__ import annotations

import re
from collections import Counter

OBJECT = re.compile(
    r"\b(small|large) (red|blue|green|yellow|purple|orange|black|gray) "
    r"(circle|square|triangle|star)\b"
)


def named_objects(text: str) -> Counter[str]:
    """The objects a description names, each with size, colour and shape."""
    return Counter(" ".join(match) for match in OBJECT.findall(text))


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
