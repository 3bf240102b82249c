"""A JSON schema → a grammar all of whose texts validate, or a typed refusal that names the keyword.

The schema is read here rather than by llguidance's own JSON compiler, whose numbers pass through
doubles and whose patterns follow another dialect. What cannot be enforced exactly is narrowed or
refused, never ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from ...errors import SchemaNotSupported
from .keywords import refuse

_MOST_NODES = 20_000
_DEEPEST = 100
_MOST_MEMBERS = 500
_LONGEST_TEXT = 20_000
_SIMPLER = "Use a smaller or flatter schema."


def compile_json_schema(schema: Mapping[str, Any] | bool, *, prefix: str = "") -> str:
    """Write a grammar for the JSON documents that a schema allows.

    Every text of the grammar is one line of JSON laid out as `json.dumps` does, whose value
    validates against the schema, with finite numbers that a double keeps and strings without
    control or bidi characters; names of members that the schema lists come once and in its order.

    Args:
        schema: JSON Schema, draft 2020-12 or 7. An object that lists properties and does not speak
            of additional ones has no others.
        prefix: what every text begins with, before the document.

    Returns:
        A grammar in llguidance's Lark form.

    Raises:
        SchemaNotSupported: a keyword cannot be enforced, no value satisfies the schema, or it is
            too large; `keyword` names what is at fault.
    """
    return _compiled(json.dumps(_plain(schema)), prefix)


@lru_cache(maxsize=16)
def _compiled(schema: str, prefix: str) -> str:
    from ..byte_matcher import byte_matcher
    from ..completion import shortest_completion
    from .lark import LarkWriter
    from .reader import SchemaReader

    start, rules = LarkWriter(SchemaReader(json.loads(schema))).write(("#",))
    if start is None:
        raise SchemaNotSupported(
            "no value satisfies the schema", "Look for keywords that exclude each other.", "schema"
        )
    lead = json.dumps(prefix) + " " if prefix else ""
    grammar = "\n".join([f"start: {lead}{start}", *rules, ""])
    byte_matcher(grammar)  # raises where llguidance refuses it
    shortest_completion(grammar, b"")  # raises where texts are too long or too hard to find
    return grammar


def _plain(schema: Any) -> Any:
    """Checked copy: JSON data of bounded size and depth, whose texts are Unicode."""
    count = 0

    def copy(value: Any, depth: int, place: str) -> Any:
        nonlocal count
        count += 1
        if count > _MOST_NODES or depth > _DEEPEST:
            what = f"has more than {_MOST_NODES} parts" if depth <= _DEEPEST else "nests too deeply"
            refuse("schema", "#", what, _SIMPLER)
        if isinstance(value, str):
            _check_text(value, place)
            return value
        if isinstance(value, Mapping):
            fields = cast("Mapping[Any, Any]", value)
            if len(fields) > _MOST_MEMBERS:
                what = f"has {len(fields)} members, more than {_MOST_MEMBERS}"
                refuse(place.rpartition("/")[2] or "schema", place, what, _SIMPLER)
            for key in fields:
                if not isinstance(key, str):
                    refuse("schema", place, f"has the key {key!r:.40}", "Keys are strings.")
                _check_text(key, place)
            return {key: copy(each, depth + 1, f"{place}/{key}") for key, each in fields.items()}
        if isinstance(value, (list, tuple)):
            entries = cast("list[Any]", value)
            return [copy(each, depth + 1, f"{place}/{i}") for i, each in enumerate(entries)]
        if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 133:
            refuse("schema", place, "has a number of more than 40 digits", "Use a smaller one.")
        if isinstance(value, float) and not (abs(value) < float("inf")):
            refuse("schema", place, f"has the number {value}", "JSON knows finite numbers only.")
        if value is not None and not isinstance(value, (bool, int, float)):
            refuse("schema", place, f"has {value!r:.40}", "A schema is plain JSON data.")
        return value

    return copy(schema, 0, "#")


def _check_text(text: str, place: str) -> None:
    if len(text) > _LONGEST_TEXT:
        refuse("schema", place, f"has a text of {len(text)} characters", _SIMPLER)
    if any("\ud800" <= character <= "\udfff" for character in text):
        refuse("schema", place, "has half of a surrogate pair", "Use whole characters.")
