"""The keywords of one schema object that speak of one kind of value → shapes.

Sizes are bounded: what is larger cannot be written by a model anyway. A larger maximum is lowered,
which lets no value in; a larger minimum is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, NoReturn, cast

from ...errors import SchemaNotSupported
from ...unsafe import UNSAFE
from .json_values import as_fraction
from .patterns import PatternError, pattern_regex
from .shapes import (
    Array,
    Facet,
    Literal,
    Number,
    Object,
    Places,
    Read,
    Shape,
    Text,
    meet,
)
from .text import FORMATS

KINDS: dict[str, frozenset[str]] = {
    "number": frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split()),
    "string": frozenset("minLength maxLength pattern format".split()),
    "array": frozenset("items prefixItems additionalItems minItems maxItems uniqueItems".split()),
    "object": frozenset(
        "properties patternProperties additionalProperties required minProperties "
        "maxProperties".split()
    ),
}
"""Which keywords speak of which kind only."""

MOST_CHARACTERS, MOST_FORCED, MOST_ITEMS, MOST_LISTED = 4096, 512, 1024, 5000
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_FREE_FORMATS = ("password", "binary", "float", "double")
_WHOLE_FORMATS = {"int32": 2**31, "int64": 2**63}
_AFTERWARDS = "Leave it out and check the value afterwards."
_CORRECT = "Correct the schema."


def refuse(keyword: str, place: str, why: str, remedy: str = _AFTERWARDS) -> NoReturn:
    """Raise the error that names keyword and place."""
    raise SchemaNotSupported(f'"{keyword}" at {place} {why}', remedy, keyword)


def own_shapes(schema: dict[str, Any], place: str, read: Read) -> list[Shape]:
    """The shapes of the values that a schema object allows, but for `$ref`, `allOf`, ….

    Args:
        schema: the object.
        place: its JSON pointer.
        read: of the places inside of it.

    Raises:
        SchemaNotSupported: a keyword's value makes no sense or cannot be enforced.
    """
    return _Keywords(schema, place).shapes(read)


class _Keywords:
    def __init__(self, schema: dict[str, Any], place: str) -> None:
        self._schema, self._place = schema, place

    def shapes(self, read: Read) -> list[Shape]:
        types = self._types()
        named = set(_TYPES if types is None else types)
        found: list[Shape] = []
        if "null" in named:
            found.append(Literal("null", None, named=types is not None))
        if "boolean" in named:
            found += [
                Literal(text, text == "true", named=types is not None) for text in ("true", "false")
            ]
        make: dict[str, Callable[[bool], Shape]] = {
            "number": self._number,
            "string": self._text,
            "array": self._array,
            "object": self._object,
        }
        for kind, keywords in KINDS.items():
            said = types is not None or not keywords.isdisjoint(self._schema)
            if kind in named or (kind == "number" and "integer" in named):
                found.append(make[kind](said))
        return self._listed(found, read)

    def _types(self) -> list[str] | None:
        if "type" not in self._schema:
            return None
        stated: Any = self._schema["type"]
        types = cast("list[str]", stated if isinstance(stated, list) else [stated])
        if not types or any(each not in _TYPES for each in types):
            self._wrong("type", stated)
        return types

    def _listed(self, shapes: list[Shape], read: Read) -> list[Shape]:
        """Of the shapes' values only those of `const` and `enum`, if there are such."""
        for keyword in ("const", "enum"):
            if keyword in self._schema:
                stated = self._schema[keyword]
                if keyword == "enum" and not isinstance(stated, list):
                    self._wrong(keyword, stated)
                values = cast("list[Any]", [stated] if keyword == "const" else stated)
                if len(values) > MOST_LISTED:
                    refuse(keyword, self._place, f"lists {len(values)} values", "List fewer.")
                found = [
                    meet(shape, self._literal(value, keyword), read)
                    for value in values
                    for shape in shapes
                ]
                shapes = [shape for shape in found if shape is not None]
        return [replace(shape, place=self._place) for shape in dict.fromkeys(shapes)]

    def _literal(self, value: Any, keyword: str) -> Literal:
        text = json.dumps(value, ensure_ascii=False)
        if UNSAFE.search(text):
            text = json.dumps(value)
        if len(text) > MOST_CHARACTERS:
            refuse(keyword, self._place, f"has a value of {len(text)} characters")
        return Literal(text, value, named=True, place=self._place)

    def _number(self, said: bool) -> Number:
        low, low_open = self._bound("minimum", "exclusiveMinimum", 1)
        high, high_open = self._bound("maximum", "exclusiveMaximum", -1)
        types, name = self._types() or (), self._schema.get("format")
        span = _WHOLE_FORMATS.get(str(name)) if isinstance(name, str) else None
        if span is not None:
            low = Fraction(-span) if low is None else max(low, Fraction(-span))
            high = Fraction(span - 1) if high is None else min(high, Fraction(span - 1))
        multiples: tuple[Fraction, ...] = ()
        if "multipleOf" in self._schema:
            step = self._numeric("multipleOf")
            if step <= 0:
                self._wrong("multipleOf", step)
            multiples = (step,)
        whole = "integer" in types and "number" not in types
        return Number(whole, low, high, low_open, high_open, multiples, named=said)

    def _bound(self, closed: str, opened: str, sign: int) -> tuple[Fraction | None, bool]:
        bounds = [
            (sign * self._numeric(name), is_open)
            for name, is_open in ((closed, False), (opened, True))
            if name in self._schema
        ]
        if not bounds:
            return None, False
        bound, is_open = max(bounds)
        return sign * bound, is_open

    def _numeric(self, keyword: str) -> Fraction:
        value = self._schema[keyword]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong(keyword, value)
        if math.isinf(value) or math.isnan(value):
            self._wrong(keyword, value)
        return as_fraction(value)

    def _text(self, said: bool) -> Text:
        low, high = self._count("minLength", MOST_FORCED), self._most("maxLength")
        patterns: tuple[str, ...] = ()
        if "pattern" in self._schema:
            patterns = (self._pattern("pattern", self._schema["pattern"]),)
        formats: tuple[str, ...] = ()
        name = self._schema.get("format")
        if "format" in self._schema and name not in (*_FREE_FORMATS, *_WHOLE_FORMATS):
            if name not in FORMATS:
                refuse("format", self._place, f"is {name!r:.40}", f"Use {', '.join(FORMATS)}.")
            formats = (str(name),)
        high = None if high is None else min(high, MOST_CHARACTERS)
        return Text(low, high, patterns, formats, named=said)

    def _pattern(self, keyword: str, pattern: Any) -> str:
        if not isinstance(pattern, str):
            self._wrong(keyword, pattern)
        try:
            re.compile(pattern)
            pattern_regex(pattern)
        except (PatternError, re.error, OverflowError, RecursionError) as error:
            refuse(keyword, self._place, f"has {error} ({pattern!r:.60})", "Use a simpler pattern.")
        return pattern

    def _array(self, said: bool) -> Array:
        schema, place = self._schema, self._place
        prefix: tuple[Places, ...] = ()
        items: Places = (f"{place}/items",) if "items" in schema else ()
        name = "prefixItems" if "prefixItems" in schema else "items"
        if isinstance(schema.get(name), list):
            count = len(cast("list[Any]", schema[name]))
            if count > MOST_ITEMS:
                refuse(name, place, f"has {count} items")
            prefix = tuple((f"{place}/{name}/{index}",) for index in range(count))
            if name == "items":
                items = (f"{place}/additionalItems",) if "additionalItems" in schema else ()
        elif name == "prefixItems":
            self._wrong(name, schema[name])
        unique = schema.get("uniqueItems", False)
        if not isinstance(unique, bool):
            self._wrong("uniqueItems", unique)
        high = self._most("maxItems")
        return Array(self._count("minItems"), high, prefix, items, unique, named=said)

    def _object(self, said: bool) -> Object:
        schema, place = self._schema, self._place
        required = schema.get("required", [])
        names = cast("list[Any]", required)
        if not isinstance(required, list) or not all(isinstance(name, str) for name in names):
            self._wrong("required", required)
        properties = {
            name: (f"{place}/properties/{escape(name)}",) for name in self._mapping("properties")
        }
        patterns = {
            self._pattern("patternProperties", pattern): (
                f"{place}/patternProperties/{escape(pattern)}",
            )
            for pattern in self._mapping("patternProperties")
        }
        additional = None
        if "additionalProperties" in schema:
            additional = (f"{place}/additionalProperties",)
        spoken = not KINDS["object"].isdisjoint(schema)
        facets = (Facet(properties, patterns, additional),) if spoken else ()
        low, high = self._count("minProperties"), self._most("maxProperties")
        return Object(low, high, facets, tuple(dict.fromkeys(names)), named=said)

    def _mapping(self, keyword: str) -> dict[str, Any]:
        value = self._schema.get(keyword, {})
        if not isinstance(value, dict):
            self._wrong(keyword, value)
        return cast("dict[str, Any]", value)

    def _count(self, keyword: str, most: int = MOST_ITEMS) -> int:
        count = self._most(keyword) or 0
        if count > most:
            refuse(keyword, self._place, f"is {count}, more than {most}", "Ask for less.")
        return count

    def _most(self, keyword: str) -> int | None:
        if keyword not in self._schema:
            return None
        bound = self._numeric(keyword)
        if bound < 0 or bound.denominator != 1:
            self._wrong(keyword, self._schema[keyword])
        return int(bound)

    def _wrong(self, keyword: str, value: Any) -> NoReturn:
        refuse(keyword, self._place, f"is {value!r:.60}", _CORRECT)


def escape(name: str) -> str:
    """A step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
