"""Where in a schema document one stands, and what `$ref` and `allOf` join there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .plain import refuse

if TYPE_CHECKING:
    from jsonschema_rs import Resolver

COMBINERS = ("allOf", "anyOf", "oneOf")
_DEEPEST = 12
"""References and combiners that are followed to collect names."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A subschema.

    Attributes:
        node: the schema object; a boolean schema is `{}` or `{"not": {}}`.
        pointer: of it in the document, for messages.
        resolver: looks references up from here.
        old: whether the dialect is draft 7 or older, where `$ref` hides what stands beside it.
    """

    node: dict[str, Any]
    pointer: str
    resolver: Resolver
    old: bool

    @classmethod
    def of(cls, schema: Any, pointer: str, resolver: Resolver, old: bool) -> Place:
        node = schema if isinstance(schema, dict) else {} if schema else {"not": {}}
        return cls(cast("dict[str, Any]", node), pointer, resolver, old)

    @property
    def impossible(self) -> bool:
        """Whether it is the schema `false`."""
        return self.node == {"not": {}}

    def at(self, *steps: str | int) -> Place:
        """The subschema inside of this one."""
        schema: Any = self.node
        for step in steps:
            schema = schema[step]
        escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
        return Place.of(schema, "/".join([self.pointer, *escaped]), self.resolver, self.old)

    def each(self, keyword: str) -> Iterator[tuple[Any, Place]]:
        """Key or index, and subschema, of every one under a keyword."""
        inner: Any = self.node.get(keyword, ())
        for step in cast("Any", inner) if isinstance(inner, dict) else range(len(inner)):
            yield step, self.at(keyword, step)

    @property
    def reference(self) -> Place | None:
        """What `$ref` refers to.

        Raises:
            SchemaNotSupported: nothing in this document.
        """
        from jsonschema_rs import ReferencingError

        if not isinstance(ref := self.node.get("$ref"), str):
            return None
        try:
            found = self.resolver.lookup(ref)
        except (ReferencingError, ValueError) as error:
            why = f"cannot be followed ({str(error).partition(': Retrieving')[0]:.120})"
            refuse("$ref", self.pointer, why, "Refer to $defs of the same document.")
        return Place.of(found.contents, ref, found.resolver, self.old)

    def names(self, deep: int = _DEEPEST) -> frozenset[str]:
        """Members that objects here may be asked for, by this subschema and all it joins."""
        if not deep:
            return frozenset()
        found = {*self.node.get("properties", ()), *self.node.get("required", ())}
        for keyword in COMBINERS:
            for _, inner in self.each(keyword):
                found |= inner.names(deep - 1)
        if target := self.reference:
            found |= target.names(deep - 1)
        return frozenset(found)
