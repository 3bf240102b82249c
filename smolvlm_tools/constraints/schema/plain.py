"""The caller's schema → a checked copy: JSON data of bounded size and depth, in Unicode."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from ...errors import SchemaNotSupported

_MOST_NODES = 20_000
_DEEPEST = 100
_MOST_MEMBERS = 2_000
_LONGEST_TEXT = 20_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_SIMPLER = "Use a smaller or flatter schema."


def refuse(keyword: str, place: str, why: str, remedy: str) -> NoReturn:
    """Raise the error that names keyword and place."""
    raise SchemaNotSupported(f'"{keyword}" at {place} {why}', remedy, keyword)


def plain_copy(schema: object) -> Any:
    """Copy a schema.

    Raises:
        SchemaNotSupported: it is not plain JSON data, or too large.
    """
    if not isinstance(schema, (Mapping, bool)):
        refuse("schema", "#", f"is a {type(schema).__name__}", "Pass a JSON-schema dict.")
    return _Copier().copy(schema, 0, "#")


class _Copier:
    def __init__(self) -> None:
        self._count = 0

    def copy(self, value: Any, depth: int, place: str) -> Any:
        self._count += 1
        if self._count > _MOST_NODES:
            refuse("schema", "#", f"has more than {_MOST_NODES} parts", _SIMPLER)
        if depth > _DEEPEST:
            refuse("schema", "#", "nests too deeply", _SIMPLER)
        if isinstance(value, Mapping):
            return self._members(cast("Mapping[Any, Any]", value), depth, place)
        if isinstance(value, (list, tuple)):
            items = cast("list[Any]", value)
            return [self.copy(each, depth + 1, f"{place}/{i}") for i, each in enumerate(items)]
        if isinstance(value, str):
            _check_text(value, place)
        elif isinstance(value, int):
            if value.bit_length() > 133:
                refuse("schema", place, "has a number of more than 40 digits", "Use a smaller one.")
        elif isinstance(value, float):
            if not abs(value) < float("inf"):
                refuse("schema", place, f"has the number {value}", "JSON numbers are finite.")
        elif value is not None:
            refuse("schema", place, f"has {value!r:.40}", "A schema is plain JSON data.")
        return value

    def _members(self, members: Mapping[Any, Any], depth: int, place: str) -> dict[str, Any]:
        if len(members) > _MOST_MEMBERS:
            keyword = place.rpartition("/")[2].removeprefix("#") or "schema"
            refuse(keyword, place, f"has {len(members)} members", _SIMPLER)
        for key in members:
            if not isinstance(key, str):
                refuse("schema", place, f"has the key {key!r:.40}", "Keys are strings.")
            _check_text(key, place)
        return {key: self.copy(each, depth + 1, f"{place}/{key}") for key, each in members.items()}


def _check_text(text: str, place: str) -> None:
    if len(text) > _LONGEST_TEXT:
        refuse("schema", place, f"has a text of {len(text)} characters", _SIMPLER)
    if not text.isascii() and _SURROGATE.search(text):
        refuse("schema", place, "has half of a surrogate pair", "Use whole characters.")
