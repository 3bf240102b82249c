"""A JSON schema's keywords → the shapes a value may have, or which keyword cannot be enforced.

JSON Schema is https://json-schema.org/draft/2020-12, and draft 7. A schema that
names no type but uses keywords of one is taken to mean that type; an object that names properties
without speaking of additional ones has no others. Both leave values out and let none in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import unquote

from .keywords import KINDS, escape, own_shapes, refuse
from .shapes import Array, Literal, Number, Object, Places, Shape, Text, disjoint, meet

_EVERYWHERE = frozenset(("type", "enum", "const", "allOf", "anyOf", "oneOf", "$ref"))
_NO_CONSTRAINT = frozenset(
    "title description default example examples deprecated readOnly writeOnly nullable xml $schema "
    "$comment $defs definitions $anchor $vocabulary $id id discriminator externalDocs "
    "contentEncoding contentMediaType contentSchema".split()
)
_OLD = re.compile(r"draft-0[3-7]")
_MOST_SHAPES, _MOST_OPEN, _MOST_WORK = 400, 64, 300_000
_ANYTHING: list[Shape] = [
    Literal("null", None),
    Literal("true", True),
    Literal("false", False),
    Number(),
    Text(),
    Array(),
    Object(),
]


class SchemaReader:
    """Reads one schema document.

    Args:
        schema: plain JSON data whose size has been checked.
    """

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._known: dict[str, list[Shape]] = {}
        self._joined: dict[Places, list[Shape]] = {}
        self._open: list[str] = []
        self._work = 0
        self._unchecked: list[tuple[list[list[Shape]], str]] = []
        stated = schema.get("$schema", "") if isinstance(schema, dict) else ""
        self._old = bool(_OLD.search(str(cast("object", stated))))

    def read(self, places: Places) -> list[Shape]:
        """The shapes of exactly the values for which all `places` hold.

        Raises:
            SchemaNotSupported: one of them cannot be enforced.
        """
        known = self._joined.get(places)
        if known is None:
            known = _ANYTHING
            for place in places:
                known = self._meet(known, self._at(place), place)
            self._joined[places] = known
        while self._unchecked and not self._open:
            self._check_one_of(*self._unchecked.pop())
        return known

    def meant(self, places: Places) -> list[Shape]:
        """Those of the kinds that the schemas speak of; all where they speak of none."""
        shapes = self.read(places)
        return [shape for shape in shapes if shape.named] or shapes

    def _at(self, place: str) -> list[Shape]:
        if place not in self._known:
            if place in self._open:
                refuse("$ref", place, "refers to itself", "Name a type between them.")
            if len(self._open) > _MOST_OPEN:
                refuse("$ref", place, "leads through too many references", "Inline some.")
            self._open.append(place)
            self._known[place] = self._shapes(self._resolve(place, place), place)
            self._open.pop()
        return self._known[place]

    def _shapes(self, schema: Any, place: str) -> list[Shape]:
        if isinstance(schema, bool):
            return list(_ANYTHING) if schema else []
        if not isinstance(schema, dict):
            refuse("schema", place, f"is {schema!r:.40}, no schema", "Give an object or a boolean.")
        schema = cast("dict[str, Any]", schema)
        if self._old and "$ref" in schema:
            schema = {"$ref": schema["$ref"]}  # draft 7, 8.3: its siblings are ignored
        self._check_keywords(schema, place)
        found = _ANYTHING
        own = False
        for keyword in schema:
            if keyword == "properties" or (keyword == "type" and "properties" not in schema):
                found, own = self._meet(found, own_shapes(schema, place, self.read), place), True
            elif keyword in ("allOf", "anyOf", "oneOf", "$ref"):
                for shapes in self._applied(keyword, schema[keyword], place):
                    found = self._meet(found, shapes, place)
        return found if own else self._meet(found, own_shapes(schema, place, self.read), place)

    def _check_keywords(self, schema: dict[str, Any], place: str) -> None:
        for keyword, value in schema.items():
            if keyword in _EVERYWHERE or keyword.startswith("x-") or keyword in _NO_CONSTRAINT:
                if keyword == "$id" and place != "#":
                    refuse(keyword, place, "starts a schema of its own", "Inline that schema.")
            elif not any(keyword in keywords for keywords in KINDS.values()):
                if not (value is True and keyword.startswith("unevaluated")):
                    refuse(keyword, place, "cannot be enforced")

    def _applied(self, keyword: str, value: Any, place: str) -> Iterator[list[Shape]]:
        """Groups of shapes, of each of which a value must be."""
        if keyword == "$ref":
            yield self._at(self._target(value, place))
            return
        if not isinstance(value, list) or not value:
            refuse(keyword, place, "is not a list of schemas", "Correct the schema.")
        count = len(cast("list[Any]", value))
        branches = [self._at(f"{place}/{keyword}/{index}") for index in range(count)]
        if keyword == "allOf":
            yield from branches
            return
        if keyword == "oneOf":
            self._unchecked.append((branches, place))
        yield list(dict.fromkeys(shape for branch in branches for shape in branch))

    def _check_one_of(self, branches: list[list[Shape]], place: str) -> None:
        if sum(map(len, branches)) > _MOST_SHAPES:
            refuse("oneOf", place, "has too many branches", "Use anyOf.")
        for index, branch in enumerate(branches):
            for other in range(index):
                for one in branch:
                    if not all(disjoint(one, two, self.read) for two in branches[other]):
                        refuse(
                            "oneOf",
                            place,
                            f"has branches {other} and {index} that may hold together",
                            "Use anyOf, or tell the branches apart by a required property with "
                            "const.",
                        )

    def _target(self, ref: Any, place: str) -> str:
        base = str(self._root.get("$id", "")) if isinstance(self._root, dict) else ""
        path = str(ref)
        if base and path.startswith(base):
            path = path[len(base) :]
        if not isinstance(ref, str) or not (path.startswith("#") or path == ""):
            refuse("$ref", place, f"points elsewhere, {ref!r:.60}", "Put the schema in $defs.")
        path = unquote(path[1:])
        if path and not path.startswith("/"):
            found = [name for name in self._anchors("#", self._root) if name[0] == path]
            if len(found) != 1:
                refuse("$ref", place, f"names no anchor, {ref!r:.60}", "Correct the reference.")
            return found[0][1]
        self._resolve("#" + path, place)
        return "#" + path

    def _anchors(self, place: str, schema: Any) -> Iterator[tuple[str, str]]:
        if isinstance(schema, dict):
            fields = cast("dict[str, Any]", schema)
            if isinstance(fields.get("$anchor"), str):
                yield fields["$anchor"], place
            for key, value in fields.items():
                if key not in ("enum", "const", "default", "examples"):
                    yield from self._anchors(f"{place}/{escape(key)}", value)
        elif isinstance(schema, list):
            for index, value in enumerate(cast("list[Any]", schema)):
                yield from self._anchors(f"{place}/{index}", value)

    def _resolve(self, pointer: str, place: str) -> Any:
        """The subschema at a JSON pointer (RFC 6901)."""
        found = self._root
        for step in pointer[1:].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and step in found:
                found = cast("dict[str, Any]", found)[step]
            elif (
                isinstance(found, list)
                and step.isdecimal()
                and int(step) < len(cast("list[Any]", found))
            ):
                found = cast("list[Any]", found)[int(step)]
            else:
                refuse("$ref", place, f"points to nothing, {pointer!r:.60}", "Correct it.")
        return found

    def _meet(self, ones: list[Shape], twos: list[Shape], place: str) -> list[Shape]:
        if ones is _ANYTHING:
            return twos
        self._work += len(ones) * len(twos)
        if self._work > _MOST_WORK:
            refuse("schema", place, "multiplies to too many combinations", "Use fewer branches.")
        both = [meet(one, two, self.read) for one in ones for two in twos]
        found = list(dict.fromkeys(shape for shape in both if shape is not None))
        listed = sum(isinstance(shape, Literal) for shape in found)
        if len(found) - listed > _MOST_SHAPES:
            refuse("anyOf", place, "multiplies to too many combinations", "Use fewer branches.")
        return found
