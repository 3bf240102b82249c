"""Which patterns llguidance can hold a string to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..byte_matcher import byte_matcher
from .lark import to_lark
from .text import SAFE_TEXT


def usable(pattern: str) -> bool:
    """Whether the grammar can follow a pattern; look-around and back references it cannot."""
    return _matches((pattern,), 0, None) is not None


def satisfiable(patterns: tuple[str, ...], low: int, high: int | None) -> bool:
    """Whether there is a safe string of `low` to `high` characters that has all the patterns."""
    return bool(_matches(patterns, low, high))


@lru_cache(maxsize=1024)
def _matches(patterns: tuple[str, ...], low: int, high: int | None) -> bool | None:
    """Whether there is such a string; None where llguidance refuses the patterns."""
    schema: dict[str, Any] = {"type": "string", "minLength": low, "pattern": SAFE_TEXT}
    if high is not None:
        schema["maxLength"] = high
    schema["allOf"] = [{"pattern": pattern} for pattern in patterns]
    matcher = byte_matcher(to_lark(schema))
    if matcher.is_error():
        return False if "nsatisfiable" in matcher.get_error() else None
    begun = matcher.try_consume_tokens(list(b' "')) == 2
    return begun and any(matcher.compute_bitmask()) and not matcher.is_error()
