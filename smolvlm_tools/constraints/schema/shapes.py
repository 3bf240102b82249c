"""What a JSON value may be, one kind at a time, and when two such shapes share values.

A schema is read as a union of shapes. A shape's parts are named by places: JSON pointers of
subschemas that must all hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar, cast

from .json_values import as_fraction, divides, same

Places: TypeAlias = tuple[str, ...]
"""Pointers of subschemas that hold together; none: any value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Values of one kind.

    Attributes:
        named: whether the schema speaks of this kind, by `type` or by a keyword of it.
        place: where it does.
    """

    named: bool = field(default=False, kw_only=True)
    place: str = field(default="#", kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Shape):
    """One value, as it is written.

    Attributes:
        text: JSON.
        value: of it.
        formats: that it has to have if formats are enforced; validators may take them for notes.
    """

    text: str
    value: Any = field(compare=False)
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number(Shape):
    """Numbers between two bounds, either of them left out where open."""

    whole: bool = False
    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False
    multiples: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """Strings; lengths count code points."""

    low: int = 0
    high: int | None = None
    patterns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Array(Shape):
    """Lists: `prefix` for the first items, `items` for those after it."""

    low: int = 0
    high: int | None = None
    prefix: tuple[Places, ...] = ()
    items: Places = ()
    unique: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Facet:
    """What one schema object says of an object's members.

    Attributes:
        properties: by name.
        patterns: by pattern, which is searched in the name.
        additional: of members that neither names; None where the schema does not say.
    """

    properties: Mapping[str, Places]
    patterns: Mapping[str, Places]
    additional: Places | None

    def member(self, name: str) -> Places:
        """What holds for the member of that name."""
        places = self.properties.get(name, ())
        for pattern, more in self.patterns.items():
            if re.search(pattern, name):
                places = join(places, more)
        if places or name in self.properties:
            return places
        return self.additional or ()


@dataclass(frozen=True, slots=True)
class Object(Shape):
    """Objects: every facet holds."""

    low: int = 0
    high: int | None = None
    facets: tuple[Facet, ...] = ()
    required: tuple[str, ...] = ()

    def member(self, name: str) -> Places:
        """What holds for the member of that name."""
        return join(*(facet.member(name) for facet in self.facets))


Read: TypeAlias = Callable[[Places], "list[Shape]"]
_T = TypeVar("_T", int, Fraction)


def join(*places: Places) -> Places:
    """All of them, in order, each once."""
    return tuple(dict.fromkeys(place for group in places for place in group))


def meet(one: Shape, two: Shape, read: Read) -> Shape | None:
    """The values of both; None where there are none for sure."""
    named = one.named or two.named
    found: Shape | None = None
    if isinstance(one, Literal):
        found = _meet_literal(one, two, read)
    elif isinstance(two, Literal):
        found = _meet_literal(two, one, read)
    elif isinstance(one, Number) and isinstance(two, Number):
        found = _meet_numbers(one, two)
    elif isinstance(one, Text) and isinstance(two, Text):
        found = Text(
            max(one.low, two.low),
            _least(one.high, two.high),
            join(one.patterns, two.patterns),
            join(one.formats, two.formats),
        )
    elif isinstance(one, Array) and isinstance(two, Array):
        found = _meet_arrays(one, two)
    elif isinstance(one, Object) and isinstance(two, Object):
        found = Object(
            max(one.low, two.low),
            _least(one.high, two.high),
            tuple(dict.fromkeys(one.facets + two.facets)),
            join(one.required, two.required),
        )
    place = two.place if two.named else one.place
    return None if found is None else replace(found, named=named, place=place)


def _meet_literal(one: Literal, two: Shape, read: Read) -> Literal | None:
    if not _holds(one.value, two, read):
        return None
    more = two.formats if isinstance(two, (Literal, Text)) else ()
    return replace(one, formats=join(one.formats, more))


def _meet_numbers(one: Number, two: Number) -> Number:
    low, low_open = one.low, one.low_open
    if two.low is not None and (low is None or (two.low, two.low_open) > (low, low_open)):
        low, low_open = two.low, two.low_open
    high, high_open = one.high, one.high_open
    if two.high is not None and (high is None or (-two.high, two.high_open) > (-high, high_open)):
        high, high_open = two.high, two.high_open
    multiples = tuple(dict.fromkeys(one.multiples + two.multiples))
    return Number(one.whole or two.whole, low, high, low_open, high_open, multiples)


def _meet_arrays(one: Array, two: Array) -> Array:
    count = max(len(one.prefix), len(two.prefix))
    prefix = tuple(join(item(one, index), item(two, index)) for index in range(count))
    return Array(
        max(one.low, two.low),
        _least(one.high, two.high),
        prefix,
        join(one.items, two.items),
        one.unique or two.unique,
    )


def _least(one: int | None, two: int | None) -> int | None:
    return two if one is None else one if two is None else min(one, two)


def item(array: Array, index: int) -> Places:
    """What holds for the item at `index`."""
    return array.prefix[index] if index < len(array.prefix) else array.items


def holds(value: Any, shapes: list[Shape], read: Read) -> bool:
    """Whether one of the shapes has the value; formats are taken to hold."""
    return any(_holds(value, shape, read) for shape in shapes)


def _holds(value: Any, shape: Shape, read: Read) -> bool:
    if isinstance(shape, Literal):
        return same(value, shape.value)
    if isinstance(shape, Number):
        return (
            not isinstance(value, bool) and isinstance(value, (int, float)) and _lies(value, shape)
        )
    if isinstance(shape, Text):
        return (
            isinstance(value, str)
            and _counts(len(value), shape.low, shape.high)
            and all(re.search(pattern, value) for pattern in shape.patterns)
        )
    if isinstance(shape, Array):
        return isinstance(value, list) and _holds_items(cast("list[Any]", value), shape, read)
    if isinstance(shape, Object):
        return isinstance(value, dict) and _holds_members(
            cast("dict[str, Any]", value), shape, read
        )
    return False


def _lies(value: float, shape: Number) -> bool:
    exact = as_fraction(value)
    if shape.whole and exact.denominator != 1:
        return False
    if any((exact / multiple).denominator != 1 for multiple in shape.multiples):
        return False
    if any(not divides(multiple, value) for multiple in shape.multiples):
        return False
    above = shape.low is None or exact > shape.low or (exact == shape.low and not shape.low_open)
    return above and (
        shape.high is None or exact < shape.high or (exact == shape.high and not shape.high_open)
    )


def _holds_items(value: list[Any], shape: Array, read: Read) -> bool:
    if not _counts(len(value), shape.low, shape.high):
        return False
    if shape.unique and any(same(a, b) for i, a in enumerate(value) for b in value[:i]):
        return False
    return all(holds(each, read(item(shape, index)), read) for index, each in enumerate(value))


def _holds_members(value: dict[str, Any], shape: Object, read: Read) -> bool:
    return (
        _counts(len(value), shape.low, shape.high)
        and all(name in value for name in shape.required)
        and all(holds(each, read(shape.member(name)), read) for name, each in value.items())
    )


def _counts(count: int, low: int, high: int | None) -> bool:
    return low <= count and (high is None or count <= high)


def disjoint(one: Shape, two: Shape, read: Read, depth: int = 4) -> bool:
    """Whether no value is of both shapes for sure."""
    if meet(one, two, read) is None:
        return True
    if isinstance(one, Number) and isinstance(two, Number):
        both = _meet_numbers(one, two)
        if both.low is None or both.high is None:
            return False
        return both.low > both.high or (both.low == both.high and (both.low_open or both.high_open))
    if isinstance(one, (Text, Array, Object)) and isinstance(two, (Text, Array, Object)):
        high = _least(one.high, two.high)
        if high is not None and high < max(one.low, two.low):
            return True
    pairs: list[tuple[Places, Places]] = []
    if isinstance(one, Array) and isinstance(two, Array):
        pairs = [(item(one, i), item(two, i)) for i in range(min(max(one.low, two.low), 32))]
    if isinstance(one, Object) and isinstance(two, Object):
        pairs = [(one.member(n), two.member(n)) for n in join(one.required, two.required)]
    return depth > 0 and any(
        all(disjoint(a, b, read, depth - 1) for a in read(first) for b in read(second))
        for first, second in pairs
    )
