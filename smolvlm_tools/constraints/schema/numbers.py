"""Shapes of numbers → Lark: a terminal, listed values or a rule."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil, floor, lcm

from .json_values import as_fraction, divides
from .keywords import refuse
from .shapes import Number
from .text import decimal_terminal, integer_terminal, interoperable

_MOST_LISTED = 1000
_MOST_STEP = 1000


def number_rule(shape: Number) -> str | None:
    """The right side of a rule for the numbers of `shape`; None where none can be written.

    Raises:
        SchemaNotSupported: `multipleOf` holds for too many numbers to list them.
    """
    if shape.multiples:
        return _multiples(shape)
    if not shape.whole:
        return decimal_terminal(shape.low, shape.high, shape.low_open, shape.high_open)
    return integer_terminal(*_whole_bounds(shape))


def _whole_bounds(shape: Number) -> tuple[Fraction | None, Fraction | None]:
    low, high = shape.low, shape.high
    if low is not None and shape.low_open:
        low = Fraction(floor(low) + 1)
    if high is not None and shape.high_open:
        high = Fraction(ceil(high) - 1)
    return low, high


def _multiples(shape: Number) -> str | None:
    step = shape.multiples[0]
    for other in shape.multiples[1:]:
        step = _common(step, other)
    if shape.whole:
        step = Fraction(step.numerator)
    low, high = (
        interoperable(*_whole_bounds(shape))
        if step.denominator == 1
        else interoperable(shape.low, shape.high)
    )
    first, last = ceil(low / step), floor(high / step)
    if last - first < _MOST_LISTED:
        values = [_value(step * factor) for factor in range(first, last + 1)]
        listed = [value for value in values if value is not None and _fits(value, shape)]
        return " | ".join(json.dumps(json.dumps(value)) for value in listed) or None
    whole = all(multiple.denominator == 1 for multiple in shape.multiples)
    if not whole or step > _MOST_STEP or max(abs(low), abs(high)) >= 2**53:
        refuse(
            "multipleOf",
            shape.place,
            f"{float(shape.multiples[0])} holds for too many numbers",
            f"Use whole multiples, or bounds that leave at most {_MOST_LISTED} numbers.",
        )
    bounds = {"minimum": ceil(low), "maximum": floor(high), "multipleOf": int(step)}
    return "%json " + json.dumps({"type": "integer", **bounds})


def _common(one: Fraction, two: Fraction) -> Fraction:
    scale = lcm(one.denominator, two.denominator)
    return Fraction(lcm(int(one * scale), int(two * scale)), scale)


def _value(exact: Fraction) -> int | float | None:
    """The number as Python writes it, where it writes exactly this one."""
    value = int(exact) if exact.denominator == 1 else float(exact)
    return value if as_fraction(value) == exact else None


def _fits(value: float, shape: Number) -> bool:
    exact = as_fraction(value)
    return (
        all(divides(multiple, value) for multiple in shape.multiples)
        and (shape.low is None or exact > shape.low or (exact == shape.low and not shape.low_open))
        and (
            shape.high is None
            or exact < shape.high
            or (exact == shape.high and not shape.high_open)
        )
    )
