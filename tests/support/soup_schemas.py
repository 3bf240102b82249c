"""Random schemas whose keywords are thrown together with no regard for types."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.random_schemas import FORMATS, PATTERNS, TEXTS


def soup_schemas(count: int, seed: int = 0) -> Iterator[Any]:
    """Keywords thrown together with no regard for types, so that many hold at once or none can."""
    for index in range(count):
        source = random.Random(f"soup-{seed}-{index}")
        schema = _soup(source, 2)
        if isinstance(schema, dict):
            schema["$defs"] = {"d": _soup(source, 1), "e": _soup(source, 0)}
        yield schema


def _soup(source: random.Random, depth: int) -> Any:
    if source.random() < 0.06:
        return source.random() < 0.8
    chosen = source.sample(sorted(_SOUP), source.randint(0, 5))
    return {keyword: _SOUP[keyword](source, depth - 1) for keyword in chosen}


def _inner(source: random.Random, depth: int) -> Any:
    return _soup(source, depth) if depth >= 0 else source.choice([True, {}, {"type": "string"}])


def _names(source: random.Random, _: int) -> list[str]:
    return source.sample(["a", "b", "c", "é"], source.randint(0, 3))


def _type(source: random.Random, _: int) -> str | list[str]:
    kinds = ["null", "boolean", "integer", "number", "string", "array", "object"]
    return source.choice([source.choice(kinds), source.sample(kinds, 2)])


def _one_of(*values: Any) -> Callable[[random.Random, int], Any]:
    return lambda source, _: source.choice(values)


def _list_of(low: int, high: int) -> Callable[[random.Random, int], Any]:
    return lambda source, depth: [_inner(source, depth) for _ in range(source.randint(low, high))]


_VALUES = [*TEXTS, 0, 1, 2, 6, 1.0, 2.5, True, False, None, [], [1], ["a", 2], {}, {"a": 1}]
_SOUP: dict[str, Callable[[random.Random, int], Any]] = {
    "type": _type,
    "enum": lambda source, _: source.sample(_VALUES, source.randint(1, 8)),
    "const": _one_of(*_VALUES),
    "minimum": _one_of(-3, 0, 1.5, 2),
    "maximum": _one_of(0, 2, 6.25, 100, 10**20),
    "exclusiveMinimum": _one_of(-1, 0, 0.1),
    "exclusiveMaximum": _one_of(1, 2.5, 7),
    "multipleOf": _one_of(1, 2, 3, 0.5),
    "minLength": _one_of(0, 1, 2, 3),
    "maxLength": _one_of(0, 1, 3, 6),
    "pattern": _one_of(*PATTERNS),
    "format": _one_of(*FORMATS),
    "items": _inner,
    "prefixItems": _list_of(1, 2),
    "minItems": _one_of(0, 1, 2),
    "maxItems": _one_of(0, 1, 2, 4),
    "uniqueItems": _one_of(True, False, False),
    "properties": lambda source, depth: {n: _inner(source, depth) for n in _names(source, 0)},
    "patternProperties": lambda source, depth: {
        source.choice(["^a", "b$", "^x_"]): _inner(source, depth)
    },
    "additionalProperties": _inner,
    "required": _names,
    "minProperties": _one_of(0, 1, 2),
    "maxProperties": _one_of(0, 1, 3),
    "allOf": _list_of(1, 2),
    "anyOf": _list_of(1, 3),
    "oneOf": _list_of(1, 2),
    "$ref": _one_of("#/$defs/d", "#/$defs/e"),
}
