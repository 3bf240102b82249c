"""Random JSON schemas.

The same seed gives the same schemas. One in eight has a keyword that cannot be enforced.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

KEYS = [
    "a", "b", "name", "total", "größe", "цена", "値段", "😀", "with space", 'quo"te', "back\\slash",
    "a/b", "a~b", "", "x" * 30, "line\nbreak", "ключ-ü", "$ref-like", "é", "{", "[,]", "n°", "İ",
]  # fmt: skip
PATTERNS = [
    "^[A-Z]{2}-[0-9]{4}$", r"^\d{3}$", "foo", r"^\w+@\w+\.(com|org)$", "^(yes|no)$",
    "^[^0-9]{2,5}$",
    r"[0-9]{2}:[0-9]{2}", "^a*b+c?$", r'^["\\/]+$', r"^\S+\s\S+$", "^.{3}$", "^[äöü]+$", "x$", "^-",
    r"^(\+\d{1,2} )?\d{3}$", r"^[a-c\[\\]{1,3}$",
]  # fmt: skip
FORMATS = [
    "date",
    "time",
    "date-time",
    "email",
    "uuid",
    "ipv4",
    "ipv6",
    "uri",
    "hostname",
    "duration",
]
TEXTS = [
    "",
    "a",
    "red",
    "größer",
    'quo"te',
    "two\nlines",
    "tab\t",
    "back\\slash",
    "😀",
    "null",
    "1",
]
REFUSED: list[dict[str, Any]] = [
    {"not": {"type": "integer"}},
    {"if": {"type": "integer"}, "then": {"minimum": 3}},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 2},
    {"type": "array", "contains": {"type": "integer"}},
    {"type": "string", "pattern": "^(?!a)"},
    {"type": "string", "format": "isbn"},
    {"type": "object", "dependentRequired": {"a": ["b"]}},
    {"type": "object", "propertyNames": {"maxLength": 3}},
    {"$ref": "https://example.org/other.json"},
    {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    {"type": "number", "multipleOf": 0.01},
    {"type": "object", "unevaluatedProperties": False},
]


def random_schemas(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """`count` schemas of objects, arrays and scalars, nested up to four deep."""
    for index in range(count):
        yield _Maker(random.Random(f"{seed}-{index}")).root()


class _Maker:
    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._spoil = source.random() < 0.125
        self._recursive = False

    def root(self) -> dict[str, Any]:
        self._recursive = self._random.random() < 0.15
        kinds = [self.object, self.object, self.object, self.array, self.any]
        schema = self._random.choice(kinds)(3)
        if self._recursive:
            node = self.object(1)
            node.setdefault("properties", {})["next"] = {
                "anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]
            }
            schema["$defs"] = {"node": node, "leaf": self.any(0)}
        if self._spoil:
            spoiled = self._random.choice(REFUSED)
            if schema.get("type") == "object" and "properties" in schema:
                schema["properties"]["spoiled"] = spoiled
            else:
                schema = {"anyOf": [schema, spoiled]} | {
                    key: schema.pop(key) for key in ("$defs",) if key in schema
                }
        return schema

    def any(self, depth: int) -> dict[str, Any]:
        makers = [self.integer, self.number, self.string, self.string, self.listed, self.plain]
        if depth > 0:
            makers += [self.object, self.object, self.array, self.union, self.both]
        if self._recursive:
            makers.append(
                lambda depth: {"$ref": self._random.choice(["#/$defs/node", "#/$defs/leaf"])}
            )
        schema = self._random.choice(makers)(depth)
        if self._random.random() < 0.2:
            schema = {"title": "T", "description": "d", **schema, "default": None, "x-note": [1]}
        return schema

    def object(self, depth: int) -> dict[str, Any]:
        names = self._random.sample(KEYS, self._random.randint(0, 5))
        schema: dict[str, Any] = {"type": "object"}
        if names:
            schema["properties"] = {name: self.any(depth - 1) for name in names}
            schema["required"] = [name for name in names if self._random.random() < 0.5]
        chance = self._random.random()
        if chance < 0.2:
            schema["additionalProperties"] = False
        elif chance < 0.3:
            schema["additionalProperties"] = self.any(0)
        elif chance < 0.35:
            schema["patternProperties"] = {"^s_": self.string(0), "^n[0-9]": self.integer(0)}
        if self._random.random() < 0.1:
            schema["minProperties"] = self._random.randint(0, max(1, len(names) - 1))
        if self._random.random() < 0.1:
            schema["maxProperties"] = self._random.randint(len(schema.get("required", [])), 6)
        return schema

    def array(self, depth: int) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array"}
        if self._random.random() < 0.85:
            schema["items"] = self.any(depth - 1)
        if self._random.random() < 0.25:
            schema["prefixItems"] = [self.any(0) for _ in range(self._random.randint(1, 3))]
        low = self._random.randint(0, 3)
        if self._random.random() < 0.5:
            schema["minItems"] = low
        if self._random.random() < 0.5:
            schema["maxItems"] = low + self._random.randint(0, 4)
        return schema

    def integer(self, depth: int) -> dict[str, Any]:
        schema = self._bounds({"type": "integer"}, lambda: self._random.randint(-300, 3000))
        if self._random.random() < 0.15:
            schema["multipleOf"] = self._random.choice([2, 3, 5, 10, 25])
        return schema

    def number(self, depth: int) -> dict[str, Any]:
        digits = self._random.choice([0, 1, 2, 5])
        scale = self._random.choice([1, 1, 100, 1e-3, 1e6])
        return self._bounds(
            {"type": "number"}, lambda: round(self._random.uniform(-20, 90) * scale, digits)
        )

    def _bounds(self, schema: dict[str, Any], draw: Any) -> dict[str, Any]:
        low, high = sorted((draw(), draw()))
        if self._random.random() < 0.5:
            schema[self._random.choice(["minimum", "minimum", "exclusiveMinimum"])] = low - 10
        if self._random.random() < 0.5:
            schema[self._random.choice(["maximum", "maximum", "exclusiveMaximum"])] = high + 10
        return schema

    def string(self, depth: int) -> dict[str, Any]:
        chance = self._random.random()
        if chance < 0.25:
            return {"type": "string", "pattern": self._random.choice(PATTERNS)}
        if chance < 0.45:
            return {"type": "string", "format": self._random.choice(FORMATS)}
        schema: dict[str, Any] = {"type": "string"}
        low = self._random.choice([0, 1, 3, 20])
        if chance < 0.65:
            schema["minLength"] = low
        if 0.55 < chance < 0.75:
            schema["maxLength"] = low + self._random.randint(0, 30)
        return schema

    def listed(self, depth: int) -> dict[str, Any]:
        values: list[Any] = [
            *TEXTS,
            0,
            1,
            -7,
            3.5,
            1e-9,
            True,
            False,
            None,
            [1, "a"],
            {"k": {"ü": 1}},
        ]
        if self._random.random() < 0.3:
            return {"const": self._random.choice(values)}
        return {"enum": self._random.sample(values, self._random.randint(1, 5))}

    def plain(self, depth: int) -> dict[str, Any]:
        return self._random.choice(
            [{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}]
        )

    def union(self, depth: int) -> dict[str, Any]:
        if self._random.random() < 0.5:
            return {"anyOf": [self.any(depth - 1) for _ in range(self._random.randint(1, 3))]}
        branches: list[dict[str, Any]] = []
        for tag in self._random.sample(["cat", "dog", "cow"], 2):
            branch = self.object(depth - 1)
            properties = {"kind": {"const": tag}, **branch.get("properties", {})}
            required = ["kind", *branch.get("required", [])]
            branch.pop("maxProperties", None)
            branches.append({**branch, "properties": properties, "required": required})
        return {"oneOf": [*branches, {"type": "null"}]}

    def both(self, depth: int) -> dict[str, Any]:
        return {
            "allOf": [
                {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}, "c": self.any(depth - 1)},
                },
                {"properties": {"a": {"minimum": 5}, "d": self.any(0)}, "required": ["a"]},
            ]
        }
