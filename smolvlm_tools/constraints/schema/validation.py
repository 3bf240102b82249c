"""A finished text → its value, checked against the caller's own schema.

By `jsonschema-rs`: its regular expressions have a bound on backtracking, so that no pattern hangs
the check, and with `offline` it fetches nothing.
"""

from __future__ import annotations

import json
from typing import Any, cast

import jsonschema_rs

from ...errors import SchemaNotSupported
from ...unsafe import UNSAFE
from .place import Place
from .plain import refuse

_CORRECT = "Correct the schema."
_BASE = "https://schema.invalid/"
_DRAFTS: dict[str, tuple[type[Any], int]] = {
    "draft-03": (jsonschema_rs.Draft4Validator, jsonschema_rs.Draft4),
    "draft-04": (jsonschema_rs.Draft4Validator, jsonschema_rs.Draft4),
    "draft-06": (jsonschema_rs.Draft6Validator, jsonschema_rs.Draft6),
    "draft-07": (jsonschema_rs.Draft7Validator, jsonschema_rs.Draft7),
    "2019-09": (jsonschema_rs.Draft201909Validator, jsonschema_rs.Draft201909),
    "2020-12": (jsonschema_rs.Draft202012Validator, jsonschema_rs.Draft202012),
}
_UNNAMED = ("2020-12", "draft-07", "draft-04")
"""Dialects to try for a schema that names none."""


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
        self._validator, draft = _validator(schema)
        registry = jsonschema_rs.Registry([(_BASE, schema)], draft=draft)
        old = draft <= jsonschema_rs.Draft7
        self.root = Place.of(schema, "#", registry.resolver(_BASE), old)

    def read(self, text: str) -> Any:
        """The value of a JSON text.

        Raises:
            ValueError: it is not JSON, breaks the schema, names a member twice, or has control or
                bidirectional characters or a number that no double holds.
        """
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
        _check_safe(value)
        error = next(self._validator.iter_errors(value), None)
        if error is not None:
            raise ValueError(error.message)
        return value


def _validator(schema: Any) -> tuple[Any, int]:
    named = ""
    if isinstance(schema, dict):
        schema = dict(cast("dict[str, Any]", schema))
        named = str(schema.pop("$schema", ""))
    dialects = [name for name in _DRAFTS if name in named] or _UNNAMED
    first: jsonschema_rs.ValidationError | None = None
    for name in dialects:
        make, draft = _DRAFTS[name]
        try:
            return make(schema, **_OPTIONS), draft
        except jsonschema_rs.ValidationError as error:
            first = first or error
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            refuse("$ref", "#", f"cannot be followed ({error!s:.120})", "Refer to $defs inside.")
    assert first is not None
    raise _invalid(first)


_OPTIONS: dict[str, Any] = {
    "validate_formats": True,
    "offline": True,
    "keywords": {"multipleOf": _MultipleOf},
    "pattern_options": jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
}


def _invalid(error: jsonschema_rs.ValidationError) -> SchemaNotSupported:
    """The refusal of a schema that its dialect does not allow."""
    words = [step for step in error.instance_path if isinstance(step, str)]
    keyword = words[-1] if words else "schema"
    if error.kind.name == "$ref":
        keyword = "$ref"
    place = "/".join(["#", *map(str, error.instance_path[:-1])])
    return SchemaNotSupported(f'"{keyword}" at {place}: {error.message:.160}', _CORRECT, keyword)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _check_safe(value: Any) -> None:
    if isinstance(value, str):
        if UNSAFE.search(value):
            raise ValueError("a text has control characters")
    elif isinstance(value, float):
        if abs(value) == float("inf"):
            raise ValueError("a number is too large for a double")
    elif isinstance(value, dict):
        for name, each in cast("dict[str, Any]", value).items():
            _check_safe(name)
            _check_safe(each)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            _check_safe(each)
