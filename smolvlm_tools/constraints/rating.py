"""Ratings: a level on a scale, answered by its expected value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from ..errors import BadOptions
from .kinds import Choice, choices

MOST_LEVELS = 64


@dataclass(frozen=True, slots=True)
class Rating:
    """A scale, as an answer: `answer=Rating(1, 5)`.

    The result's `value` is the expected level, the sum of each level's number times its
    probability, as a float. Its `text` is the likeliest level, `confidence` that level's
    probability, and `probabilities` are those of all levels.

        >>> from smolvlm_tools import Rating
        >>> Rating(1, 3).numbers
        {'1': 1.0, '2': 2.0, '3': 3.0}
        >>> Rating(levels=["poor", "fair", "good"]).numbers
        {'poor': 1.0, 'fair': 2.0, 'good': 3.0}

    Attributes:
        low, high: the first and the last of the whole numbers on the scale.
        levels: instead of them, what the levels are called: in a list they count 1, 2, 3, …; a
            mapping says what number each stands for.

    Raises:
        BadOptions: low is not below high, there are fewer than two levels or more than 64, one
            cannot be a choice (see `constraints.choices`), or its number is not finite.
    """

    low: int | None = None
    high: int | None = None
    levels: Sequence[str] | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        self.choice()

    @property
    def numbers(self) -> dict[str, float]:
        """What every level's text counts as."""
        return dict(self.choice().options)

    def choice(self) -> Choice:
        """The scale as a closed choice whose value is the mean."""
        if self.levels is None:
            numbers = _whole_numbers(self.low, self.high)
        elif self.low is None and self.high is None:
            numbers = _labelled(self.levels)
        else:
            raise BadOptions("a rating has both bounds and levels", "Give one of the two.")
        return Choice("rating", choices(numbers).options, mean=True)


def _whole_numbers(low: object, high: object) -> dict[str, float]:
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise BadOptions(
                f"a rating from {low!r} to {high!r} has no whole numbers as its bounds",
                "Use whole numbers such as 1 and 5, or name the levels.",
            )
    first, last = cast("int", low), cast("int", high)
    if first >= last:
        raise BadOptions(f"a rating from {first} to {last} has no levels", "Give low < high.")
    _check_count(last - first + 1)
    return {str(number): _finite(str(number), number) for number in range(first, last + 1)}


def _labelled(levels: object) -> dict[str, float]:
    if isinstance(levels, str) or not isinstance(levels, (Sequence, Mapping)):
        raise BadOptions(f"the levels are {levels!r}, not texts", "Pass a list of two or more.")
    _check_count(len(cast("Sequence[str]", levels)))
    if not isinstance(levels, Mapping):
        names = choices(cast("Sequence[str]", levels)).options  # as a dict it would lose doubles
        return {name: float(number) for number, (name, _) in enumerate(names, 1)}
    return {
        name: _finite(name, number) for name, number in cast("Mapping[str, object]", levels).items()
    }


def _finite(name: object, number: object) -> float:
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        with suppress(OverflowError):
            if math.isfinite(found := float(number)):
                return found
    raise BadOptions(f"level {name!r} counts as {number!r}", "Give each a finite number.")


def _check_count(levels: int) -> None:
    if not 2 <= levels <= MOST_LEVELS:
        raise BadOptions(
            f"a rating of {levels} levels cannot be asked for", f"Give 2 to {MOST_LEVELS}."
        )
