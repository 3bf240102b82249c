"""A JSON schema → one that llguidance compiles, all of whose texts are safe.

Everything it allows the caller's schema allows too, apart from the keywords in `unenforced`, which
llguidance does not know; `validation` checks those. What is narrowed: numbers to those that a
double keeps, with six decimal places; strings to safe characters, formats to what every checker
accepts; an object that names its members has no others, and one that does not gets safe names;
places without a type to the kind that their keywords speak of.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

from .place import COMBINERS, Place
from .plain import refuse
from .scalars import SCALAR_WORDS, SMALLER, narrow_number, narrow_string, usable
from .text import SAFE_NAME, is_unsafe

ANY = "any"

_KINDS: dict[str, tuple[str, ...]] = {
    **SCALAR_WORDS,
    "array": ("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems",
              "contains", "unevaluatedItems"),
    "object": ("properties", "patternProperties", "additionalProperties", "required",
               "minProperties", "maxProperties", "propertyNames", "dependencies",
               "dependentRequired", "dependentSchemas", "unevaluatedProperties"),
}  # fmt: skip
_UNENFORCED = frozenset(
    "not if dependencies dependentRequired dependentSchemas uniqueItems contains propertyNames "
    "unevaluatedItems unevaluatedProperties oneOf $dynamicRef $recursiveRef contentEncoding "
    "contentMediaType".split()
)
_SPEAKING = _UNENFORCED.union({"type", "enum", "const"}, COMBINERS, *_KINDS.values())
"""Keywords that are not mere annotations."""
_MOST_FORCED, _MOST_ITEMS, _MOST_LISTED, _MOST_DEFINITIONS = 512, 1024, 5000, 2000


class Narrower:
    """Narrows one document.

    Args:
        root: the whole of it.
        gridded: whether numbers get at most six decimal places.

    Attributes:
        unenforced: keywords that are left to validation.
        strings: the schemas of strings with patterns, as JSON.
    """

    def __init__(self, root: Place, *, gridded: bool) -> None:
        self._root, self._gridded = root, gridded
        self.unenforced: set[str] = set()
        self.strings: dict[str, None] = {}
        self._definitions: dict[str, Any] = {}
        self._needs_any = False
        self._scalars: dict[str, str] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self._waiting: list[tuple[str, Place, frozenset[str] | None]] = []

    def document(self) -> dict[str, Any]:
        """The narrowed schema, which refers to its own `$defs` only."""
        narrowed = self._schema(self._root, None)
        while self._waiting:
            name, target, known = self._waiting.pop()
            self._definitions[name] = self._schema(target, known)
        if self._needs_any:
            kinds = ["null", "boolean", "number", "string", "array", "object"]
            self._definitions[ANY] = self._own(replace(self._root, node={"type": kinds}), None)
        if narrowed is False:
            refuse("schema", "#", "allows no value", "Look for what excludes everything.")
        return {**cast("dict[str, Any]", narrowed), "$defs": self._definitions}

    def _schema(self, at: Place, known: frozenset[str] | None) -> Any:
        """Narrow one place.

        Args:
            known: members that the schemas it is joined with speak of; None where it stands alone.
        """
        if at.impossible:
            return False
        self.unenforced |= {word for word in _UNENFORCED & {*at.node} if _asks(at.node, word)}
        target = at.reference
        if target and (at.old or _SPEAKING.isdisjoint(at.node)):
            return self._reference(at, target, known)
        joined = {w: [inner for _, inner in at.each(w)] for w in COMBINERS if at.node.get(w)}
        if not joined and not target:
            return self._own(at, known)
        return self._joined(at, target, joined, known or frozenset())

    def _joined(
        self, at: Place, target: Place | None, joined: dict[str, list[Place]], known: frozenset[str]
    ) -> Any:
        """Own keywords and combiners: each part hears of the names of all it is joined with."""
        own = frozenset(at.node.get("properties", ())) | frozenset(at.node.get("required", ()))
        named = {word: [inner.names() for inner in parts] for word, parts in joined.items()}
        inside = known.union(*(names for parts in named.values() for names in parts))
        beside = known | own | (target.names() if target else frozenset())
        narrowed = self._own(at, inside | beside - own, alone=False)
        if narrowed is False:
            return False
        for word, parts in joined.items():
            others = beside.union(*(n for other in named if other != word for n in named[other]))
            for index, inner in enumerate(parts):
                heard = others
                if word == "allOf":
                    heard = others.union(*(n for i, n in enumerate(named[word]) if i != index))
                narrowed.setdefault(word, []).append(self._schema(inner, heard))
        if target:
            narrowed.setdefault("allOf", []).append(self._reference(at, target, inside | own))
        return narrowed

    def _reference(self, at: Place, target: Place, known: frozenset[str] | None) -> dict[str, Any]:
        key = (at.resolver.base_uri, at.node["$ref"], known)
        if key not in self._names:
            if len(self._names) >= _MOST_DEFINITIONS:
                refuse("$ref", at.pointer, "leads to too many places", "Use a simpler schema.")
            self._names[key] = name = f"d{len(self._names)}"
            self._definitions[name] = True  # keeps the order
            self._waiting.append((name, target, known))
        return {"$ref": f"#/$defs/{self._names[key]}"}

    def _own(self, at: Place, known: frozenset[str] | None, *, alone: bool = True) -> Any:
        """The keywords of one schema object, without `$ref` and the combiners."""
        if "enum" in at.node or "const" in at.node:
            return self._listed(at)
        types = at.node.get("type") or [k for k, words in _KINDS.items() if set(words) & {*at.node}]
        kinds = [types] if isinstance(types, str) else list(types)
        if not kinds:
            return self._any(None) if alone and known is None else {}
        narrowed: dict[str, Any] = {"type": kinds}
        if "number" in kinds or "integer" in kinds:
            narrowed |= narrow_number(at, grid=self._gridded and "number" in kinds)
        if "string" in kinds:
            text = narrow_string(at, self.unenforced)
            if text is None and len(kinds) == 1:
                return False
            if text is None:
                kinds.remove("string")
            else:
                narrowed |= text
                if "minLength" in text or "allOf" in text:
                    self.strings[json.dumps({"type": "string", **text})] = None
        if "array" in kinds:
            narrowed |= self._array(at, known)
        if "object" in kinds:
            narrowed |= self._object(at, known)
        if alone and known is None and kinds[0] in ("string", "number", "integer"):
            return self._shared(narrowed) if len(kinds) == 1 else narrowed
        return narrowed

    def _shared(self, narrowed: dict[str, Any]) -> dict[str, Any]:
        """A reference to a definition, so that equal scalars are compiled once."""
        key = json.dumps(narrowed)
        if key not in self._scalars:
            self._scalars[key] = name = f"s{len(self._scalars)}"
            self._definitions[name] = narrowed
        return {"$ref": f"#/$defs/{self._scalars[key]}"}

    def _listed(self, at: Place) -> Any:
        """The listed values that the keywords beside them allow."""
        from jsonschema_rs import Draft202012Validator

        values = list(at.node.get("enum", [at.node.get("const")]))
        if len(values) > _MOST_LISTED:
            refuse("enum", at.pointer, f"lists {len(values)} values", "List fewer.")
        words = {"type", "const", *SCALAR_WORDS["number"], *SCALAR_WORDS["string"]}
        said = {word: at.node[word] for word in words.intersection(at.node)}
        said = {k: v for k, v in said.items() if k == "const" or not isinstance(v, bool)}
        validator = Draft202012Validator(said, validate_formats=True, offline=True)
        values = [value for value in values if validator.is_valid(value)]
        if any(map(is_unsafe, values)):
            word = "enum" if "enum" in at.node else "const"
            refuse(word, at.pointer, "has control characters", "Leave them out.")
        return {"enum": values} if values else False

    def _array(self, at: Place, known: frozenset[str] | None) -> dict[str, Any]:
        node, narrowed = at.node, dict[str, Any]()
        if node.get("minItems", 0) > _MOST_FORCED:
            refuse("minItems", at.pointer, f"is {node['minItems']}", SMALLER)
        if "minItems" in node:
            narrowed["minItems"] = node["minItems"]
        if "maxItems" in node:
            narrowed["maxItems"] = min(node["maxItems"], _MOST_ITEMS)
        first = "prefixItems" if "prefixItems" in node else "items"
        rest = "items"
        if isinstance(node.get(first), list):
            narrowed["prefixItems"] = [self._schema(item, known) for _, item in at.each(first)]
            rest = "items" if first == "prefixItems" else "additionalItems"
        there = rest in node and not isinstance(node[rest], list)
        narrowed["items"] = self._schema(at.at(rest), known) if there else self._any(known)
        return narrowed

    def _object(self, at: Place, known: frozenset[str] | None) -> dict[str, Any]:
        """An object's members.

        Where schemas are joined, a place that both speak of is left as wide as it is written: two
        definitions of any value, joined, would be read without end.
        """
        node, required = at.node, list(at.node.get("required", ()))
        shared = known or frozenset()
        properties: dict[str, Any] = {
            name: self._schema(inner, frozenset() if name in shared else None)
            for name, inner in at.each("properties")
        }
        patterns = {
            name: self._schema(inner, known) for name, inner in at.each("patternProperties")
        }
        for name in patterns:
            if not usable(name):
                refuse("patternProperties", at.pointer, f"has {name!r:.60}", "Use simpler names.")
        narrowed: dict[str, Any] = {"required": required, "properties": properties}
        others: Any = node.get("additionalProperties")
        if others is None and (properties or patterns):
            others = False
            for name in [*required, *sorted(shared)] if not patterns else ():
                properties.setdefault(name, True if name in shared else self._any(None))
        free: Any = False
        if others is None or others is True:
            free = self._any(known)
        elif others is not False:
            free = self._schema(at.at("additionalProperties"), known)
        if known is None and free is not False and not properties and not patterns:
            patterns = {SAFE_NAME: free}
        if patterns:
            narrowed["patternProperties"], free = patterns, False
        narrowed["additionalProperties"] = free
        for word in ("minProperties", "maxProperties"):
            if word in node and set(properties) <= set(required):
                narrowed[word] = node[word]
            elif word in node:
                self.unenforced.add(word)
        return narrowed

    def _any(self, known: frozenset[str] | None) -> Any:
        """Any value; where schemas are joined the other one says more."""
        self._needs_any |= known is None
        return {"$ref": f"#/$defs/{ANY}"} if known is None else True


def _asks(node: dict[str, Any], word: str) -> bool:
    """Whether a keyword asks for anything at all."""
    if word == "oneOf":
        return len(node[word]) > 1
    return node[word] is not (word != "uniqueItems")
