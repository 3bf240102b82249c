"""Numbers and strings, narrowed; see `narrow`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..byte_matcher import byte_matcher, json_lark
from .place import Place
from .plain import refuse
from .text import FORMATS, SAFE_INTEGER, SAFE_TEXT

SCALAR_WORDS = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern", "format"),
}
SMALLER = "Ask for less; a model cannot write so much."

_GRID = 0.000001
_DIGITS = 10**15
"""The bound where the schema has none: doubles keep 15 digits of any number."""
_INTEGER_FORMATS = {"int32": 2**31, "int64": 2**63}
_LONGEST_FORCED, _LONGEST = 512, 4096


def narrow_number(at: Place, *, grid: bool) -> dict[str, Any]:
    """Numbers that a double keeps; with a grid, with at most six decimal places."""
    node = dict(at.node)
    for closed, opened in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(strict := node.get(opened), bool):  # as in draft 4
            del node[opened]
            if strict and closed in node:
                node[opened] = node[closed]
    least, most = -_DIGITS, _DIGITS
    span = _INTEGER_FORMATS.get(str(node.get("format")))
    if span is not None:
        least, most = max(least, -span), min(most, span - 1)
    for word in ("minimum", "exclusiveMinimum"):
        if node.get(word, 0) > SAFE_INTEGER:
            refuse(word, at.pointer, "is above 2**53 - 1", "JSON numbers lose digits there.")
    for word in ("maximum", "exclusiveMaximum"):
        if node.get(word, 0) < -SAFE_INTEGER:
            refuse(word, at.pointer, "is below -2**53 + 1", "JSON numbers lose digits there.")
    narrowed: dict[str, Any] = {
        "minimum": max(-SAFE_INTEGER, node.get("minimum", least)),
        "maximum": min(SAFE_INTEGER, node.get("maximum", most)),
    }
    for word in ("exclusiveMinimum", "exclusiveMaximum"):
        if abs(node.get(word, SAFE_INTEGER + 1)) <= SAFE_INTEGER:
            narrowed[word] = node[word]
    if "multipleOf" in node or grid:
        narrowed["multipleOf"] = node.get("multipleOf", _GRID)
    return narrowed


def narrow_string(at: Place, unenforced: set[str]) -> dict[str, Any] | None:
    """Strings of safe characters; None where there is none with such a pattern and length.

    Args:
        unenforced: gets the keywords that no grammar can follow.
    """
    node = at.node
    low, high = node.get("minLength", 0), node.get("maxLength")
    if low > _LONGEST_FORCED:
        refuse("minLength", at.pointer, f"is {low}", SMALLER)
    patterns: list[str] = []
    if "pattern" in node:
        if usable(node["pattern"]):
            patterns.append(node["pattern"])
        else:
            unenforced.add("pattern")
    name = node.get("format")
    if name in FORMATS:
        patterns.append(f"^(?:{FORMATS[name]})$")
    elif name is not None and name not in _INTEGER_FORMATS:
        unenforced.add("format")
    if patterns and not _matches(tuple(patterns), low, high):
        return None
    narrowed: dict[str, Any] = {"pattern": SAFE_TEXT}
    if low:
        narrowed["minLength"] = low
    if high is not None:
        narrowed["maxLength"] = min(high, _LONGEST)
    if patterns:
        narrowed["allOf"] = [{"pattern": pattern} for pattern in patterns]
    return narrowed


def usable(pattern: str) -> bool:
    """Whether the grammar can follow a pattern; look-around and back references it cannot."""
    return _matches((pattern,), 0, None) is not None


@lru_cache(maxsize=1024)
def _matches(patterns: tuple[str, ...], low: int, high: int | None) -> bool | None:
    """Whether there is such a string; None where llguidance refuses the patterns."""
    schema: dict[str, Any] = {"type": "string", "minLength": low, "pattern": SAFE_TEXT}
    if high is not None:
        schema["maxLength"] = high
    schema["allOf"] = [{"pattern": pattern} for pattern in patterns]
    matcher = byte_matcher(json_lark(schema))
    if matcher.is_error():
        return False if "nsatisfiable" in matcher.get_error() else None
    begun = matcher.try_consume_tokens(list(b' "')) == 2
    return begun and any(matcher.compute_bitmask()) and not matcher.is_error()
