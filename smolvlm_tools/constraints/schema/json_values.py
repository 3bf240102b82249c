"""Values of JSON, compared and divided as validators do it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast


def divides(multiple: Fraction, value: float) -> bool:
    """Whether validators that divide doubles find `value` a multiple too."""
    if multiple.denominator == 1 and isinstance(value, int):
        return value % multiple.numerator == 0
    return (value / float(multiple)).is_integer()


def same(one: Any, two: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, true is not 1."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        first, second = cast("list[Any]", one), cast("list[Any]", two)
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(one, dict) and isinstance(two, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", two)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(one == two)


def as_fraction(value: float) -> Fraction:
    """The number as it is written in JSON, exactly."""
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))
