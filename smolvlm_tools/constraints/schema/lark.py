"""Shapes of values → a Lark grammar of their JSON texts.

Layout: ", " between members and items, ": " after names, as Python's json writes it. Members come
in the order of the schema. Recursive schemas are unrolled to a few levels, so that every text can
be read by a parser with a stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations

from ...unsafe import UNSAFE
from ..expressions import has_members
from .json_values import same
from .keywords import MOST_ITEMS, refuse
from .members import Entry, TooManyStates, items, members
from .numbers import number_rule
from .reader import SchemaReader
from .shapes import Array, Literal, Number, Object, Places, Text, item, join
from .text import has_format, text_terminal

LEVELS = 6
"""How deep a recursive schema, or one that allows anything, is unrolled."""
DEEPEST = 48
"""Levels of values inside of values."""
_MOST_RULES = 30_000
_MOST_PATTERNS, _MOST_CONSTRAINED = 16, 200
_NAME_LENGTH = 40
_SIMPLER = "Use a smaller or flatter schema."


class LarkWriter:
    """Writes the rules for one schema.

    Args:
        reader: of the schema.
    """

    def __init__(self, reader: SchemaReader) -> None:
        self._reader = reader
        self._rules: dict[str, str] = {}  # right side -> name
        self._values: dict[tuple[Places, int], str | None] = {}
        self._cyclic: set[Places] = set()
        self._constrained: set[str] = set()

    def write(self, places: Places) -> tuple[str | None, list[str]]:
        """The rule for the values of `places`, None where there are none, and all rules.

        Raises:
            SchemaNotSupported: their number is too large, or a part cannot be enforced.
        """
        self._cyclic = self._find_cycles(places)
        start = self._value(places, 0, 0)
        return start, [f"{name}: {right}" for right, name in self._rules.items()]

    def _rule(self, right: str, prefix: str = "r") -> str:
        if right not in self._rules:
            if len(self._rules) >= _MOST_RULES:
                refuse("schema", "#", "needs too many rules", _SIMPLER)
            self._rules[right] = f"{prefix}{len(self._rules)}"
        return self._rules[right]

    def _value(self, places: Places, level: int, depth: int) -> str | None:
        """The name of the rule for a value; None where there is none."""
        if depth > DEEPEST:
            refuse("schema", places[-1], "nests too deeply", _SIMPLER)
        level += places in self._cyclic
        if level > LEVELS:
            return None
        key = (places, level)
        if key not in self._values:
            rights = self._rights(places, level, depth + 1)
            self._values[key] = self._rule(" | ".join(rights)) if rights else None
        return self._values[key]

    def _rights(self, places: Places, level: int, depth: int) -> list[str]:
        shapes = self._reader.meant(places)
        literals = [
            _quoted(shape.text)
            for shape in shapes
            if isinstance(shape, Literal) and all(has_format(shape.value, f) for f in shape.formats)
        ]
        rights = [self._rule(" | ".join(literals), "T")] if literals else []
        for shape in shapes:
            right: str | None = None
            if isinstance(shape, Number):
                right = number_rule(shape)
                if right is not None and right.startswith(("/", "(")):
                    right = self._rule(right, "T")
            elif isinstance(shape, Text):
                right = self._text(shape)
            elif isinstance(shape, Array):
                right = self._array(shape, level, depth)
            elif isinstance(shape, Object):
                right = self._object(shape, level, depth)
            if right is not None:
                rights.append(right)
        return list(dict.fromkeys(rights))

    def _text(self, shape: Text) -> str | None:
        if shape.high is not None and shape.high < shape.low:
            return None
        right = text_terminal(shape.low, shape.high, shape.patterns, shape.formats)
        alone = shape.low == 0 and shape.high is None and len(shape.formats) == 1
        constrained = shape.patterns or (shape.formats and not alone)
        if constrained:
            self._constrained.add(right)
            if len(self._constrained) > _MOST_CONSTRAINED:
                refuse("pattern", shape.place, "is one of too many", _SIMPLER)
        return None if constrained and not has_members(right) else self._rule(right, "T")

    def _array(self, shape: Array, level: int, depth: int) -> str | None:
        high = shape.high if shape.high is None else min(shape.high, MOST_ITEMS)
        if shape.unique and (high is None or high > 1):
            return self._set(shape)
        first: list[str] = []
        for places in shape.prefix[:high]:
            rule = self._value(places, level, depth)
            if rule is None:
                high = len(first)
                break
            first.append(rule)
        more = None
        if high is None or high > len(first):
            more = self._value(shape.items, level, depth)
        inside = items(first, more, shape.low, high, self._rule)
        return None if inside is None else f'"[" {inside} "]"'

    def _set(self, shape: Array) -> str | None:
        """A list in which no item comes twice: of listed values only, in their order."""
        listed: list[Literal] = []
        for each in self._reader.meant(shape.items):
            if shape.prefix or not isinstance(each, Literal):
                refuse(
                    "uniqueItems",
                    shape.place,
                    "holds for items that are not listed by enum or const",
                    "List the values with enum, or take out what is double afterwards.",
                )
            if not any(same(each.value, other.value) for other in listed):
                listed.append(each)
        entries = [Entry(_quoted(each.text), False) for each in listed]
        inside = self._members(entries, None, shape, "minItems")
        return None if inside is None else f'"[" {inside} "]"'

    def _object(self, shape: Object, level: int, depth: int) -> str | None:
        names = join(*(tuple(facet.properties) for facet in shape.facets), shape.required)
        entries: list[Entry] = []
        for name in names:
            rule = self._value(shape.member(name), level, depth)
            if rule is not None:
                entries.append(
                    Entry(f"{_quoted(_name(name) + ': ')} {rule}", name in shape.required)
                )
            elif name in shape.required:
                return None
        more = self._more(shape, names, level, depth)
        if more is not None and shape.low - len(shape.required) > 1:
            if shape.low > len(entries):
                refuse("minProperties", shape.place, "counts names that are not listed")
            more = None  # names could come twice, and then count once
        inside = self._members(entries, more, shape, "minProperties")
        return None if inside is None else f'"{{" {inside} "}}"'

    def _members(
        self,
        entries: list[Entry],
        more: str | None,
        shape: Array | Object,
        keyword: str,
    ) -> str | None:
        try:
            return members(entries, more, shape.low, shape.high, self._rule)
        except TooManyStates:
            counts = f"{shape.low} to {shape.high}"
            refuse(keyword, shape.place, f"counts {counts} of many", "Use smaller bounds.")

    def _more(self, shape: Object, names: tuple[str, ...], level: int, depth: int) -> str | None:
        """The rule for a member without a name of its own; None where there is none."""
        pairs: list[str] = []
        for pattern, places in self._open_members(shape, names):
            key = text_terminal(0, _NAME_LENGTH, (pattern,) if pattern else (), ())
            if names:
                key += " & ~(" + " | ".join(_quoted(_name(name)) for name in names) + ")"
            value = self._value(places, level, depth)
            if value is not None and (not pattern or has_members(key)):
                pairs.append(f'{self._rule(key, "T")} ": " {value}')
        return self._rule(" | ".join(pairs)) if pairs else None

    def _open_members(self, shape: Object, names: tuple[str, ...]) -> Iterator[tuple[str, Places]]:
        """Patterns of names, empty for any, and what holds for the members they name."""
        patterns = join(*(tuple(facet.patterns) for facet in shape.facets))
        stated = any(facet.additional is not None for facet in shape.facets)
        if names and not stated and not patterns:
            return
        if len(patterns) > _MOST_PATTERNS:
            refuse("patternProperties", shape.place, f"has {len(patterns)} patterns", _SIMPLER)
        for one, two in combinations(patterns, 2):
            both = text_terminal(0, _NAME_LENGTH, (one, two), ())
            if has_members(both):
                refuse(
                    "patternProperties",
                    shape.facets[0].patterns.get(one, ("#",))[-1],
                    f"has names that {two!r:.40} finds too",
                    "Use patterns that exclude each other.",
                )
        for pattern in patterns or ("",):
            yield (
                pattern,
                join(
                    *(facet.patterns.get(pattern, facet.additional or ()) for facet in shape.facets)
                ),
            )

    def _find_cycles(self, root: Places) -> set[Places]:
        """Places whose values may hold values of the same places (Tarjan's components)."""
        order: dict[Places, int] = {}
        lowest: dict[Places, int] = {}
        path: list[Places] = []
        found: set[Places] = set()

        def visit(places: Places, depth: int) -> None:
            if depth > DEEPEST * 4:
                refuse("schema", places[-1], "nests too deeply", _SIMPLER)
            order[places] = lowest[places] = len(order)
            path.append(places)
            for inner in self._inner(places):
                if inner not in order:
                    visit(inner, depth + 1)
                    lowest[places] = min(lowest[places], lowest[inner])
                elif inner in path:
                    lowest[places] = min(lowest[places], order[inner])
                if inner == places:
                    found.add(places)
            if lowest[places] == order[places]:
                component = path[path.index(places) :]
                del path[path.index(places) :]
                if len(component) > 1:
                    found.update(component)

        visit(root, 0)
        return found

    def _inner(self, places: Places) -> Iterator[Places]:
        for shape in self._reader.meant(places):
            if isinstance(shape, Array):
                if shape.high != 0:
                    yield from (item(shape, index) for index in range(len(shape.prefix) + 1))
            elif isinstance(shape, Object):
                names = join(*(tuple(facet.properties) for facet in shape.facets), shape.required)
                yield from (shape.member(name) for name in names)
                yield from (inner for _, inner in self._open_members(shape, names))


def _name(name: str) -> str:
    """A member's name as it is written, which must not hide text."""
    text = json.dumps(name, ensure_ascii=False)
    return json.dumps(name) if UNSAFE.search(text) else text


def _quoted(text: str) -> str:
    """A string of Lark."""
    return json.dumps(text)
