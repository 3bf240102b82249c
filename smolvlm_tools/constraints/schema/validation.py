"""A finished text → its value, checked against the caller's own schema.

By `jsonschema-rs`: its regular expressions have a bound on backtracking, so that no pattern hangs
the check, and with `offline` it fetches nothing.
"""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema_rs

from .place import Place
from .plain import refuse
from .text import is_unsafe

_BASE = "https://schema.invalid/"
_OLD: dict[type[Any], int] = {
    jsonschema_rs.Draft4Validator: jsonschema_rs.Draft4,
    jsonschema_rs.Draft6Validator: jsonschema_rs.Draft6,
    jsonschema_rs.Draft7Validator: jsonschema_rs.Draft7,
}
_UNNAMED = (
    jsonschema_rs.Draft202012Validator,
    jsonschema_rs.Draft7Validator,
    jsonschema_rs.Draft4Validator,
)
"""Dialects to try for a schema that names none that is known."""


class _MultipleOf:
    """`multipleOf` as checkers that divide doubles see it, too: 4.35 / 0.01 is 434.99… for them."""

    def __init__(self, parent: dict[str, Any], step: float, path: list[Any]) -> None:
        self._step = step

    def validate(self, value: Any) -> None:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            whole = isinstance(value, int) and isinstance(self._step, int)
            if value % self._step if whole else not (value / self._step).is_integer():
                raise ValueError(f"{value} is not a multiple of {self._step}")


class Validator:
    """Checks values against one schema.

    Attributes:
        root: the schema as a place.

    Raises:
        SchemaNotSupported: the schema is not valid in its dialect.
    """

    def __init__(self, schema: Any) -> None:
        try:
            self._validator, schema = _validator(schema)
            draft = _OLD.get(type(self._validator), jsonschema_rs.Draft202012)
            registry = jsonschema_rs.Registry([(_BASE, schema)], draft=draft)
            self.root = Place.of(schema, "#", registry.resolver(_BASE), draft in _OLD.values())
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            refuse("$ref", "#", f"cannot be followed ({error!s:.120})", "Refer to $defs inside.")

    def read(self, text: str) -> Any:
        """The value of a JSON text.

        Raises:
            ValueError: it is not JSON, breaks the schema, names a member twice, or has control or
                bidirectional characters or a number that no double holds.
        """
        value = json.loads(
            text, object_pairs_hook=_members, parse_float=_double, parse_constant=_double
        )
        if is_unsafe(value):
            raise ValueError("a text has control characters")
        error = next(self._validator.iter_errors(value), None)
        if error is not None:
            raise ValueError(error.message)
        return value


def _validator(schema: Any) -> tuple[jsonschema_rs.Validator, Any]:
    """The validator of the dialect, and the schema without a name of a dialect that is unknown."""
    dialects: tuple[Any, ...] = _UNNAMED
    if isinstance(schema, dict) and "$schema" in schema:
        try:
            dialects = (jsonschema_rs.validator_cls_for(schema),)
        except jsonschema_rs.ValidationError:  # no dialect that is known
            schema = {word: each for word, each in schema.items() if word != "$schema"}
    problems: list[jsonschema_rs.ValidationError] = []
    for make in dialects:
        try:
            return make(schema, **_OPTIONS), schema
        except jsonschema_rs.ValidationError as error:
            problems.append(error)
    where, why = problems[0].instance_path, f"is not valid: {problems[0].message:.160}"
    words = ["schema", *(step for step in where if isinstance(step, str))]
    keyword = "$ref" if problems[0].kind.name == "$ref" else words[-1]
    refuse(keyword, "/".join(["#", *map(str, where[:-1])]), why, "Correct it.")


_OPTIONS: dict[str, Any] = {
    "validate_formats": True,
    "offline": True,
    "keywords": {"multipleOf": _MultipleOf},
    "pattern_options": jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
}


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that a double holds")
    return number
