"""The shortest ending of a text of a regular expression, exactly.

It is found by asking for texts of at most n characters: llguidance decides exactly whether an
intersection is empty, so every byte that it then allows leads to an end within the bound.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from ..constraints.byte_matcher import byte_matcher, json_lark

if TYPE_CHECKING:
    from llguidance import LLMatcher

_FIRST = b'".0123456789 abcdefghijklmnopqrstuvwxyz}]:,'
PLAIN_FIRST = sorted(range(256), key=lambda byte: (_FIRST.find(byte) % 256, byte))
_GUESS = 32
_FARTHEST = 1200
"""Bytes after which a walk is given up."""
_LONGEST = 1 << 11
"""Characters within which a shortest ending must lie."""
_NEAR = 256
"""Characters within which a byte may be as hard for the lexer as while decoding."""
_USUAL_FUEL, _FUEL = 200_000, 10_000
"""For the lexer, for each byte, within that and beyond: 0.7 ms."""


@lru_cache(maxsize=256)
def shortest_member(expression: str, beginning: bytes = b"") -> bytes | None:
    """The fewest characters that complete `beginning` to a text of an expression.

    Args:
        expression: the right side of a Lark terminal: regexes joined by `|`, `&`, `~`.
        beginning: of a text; may end inside of a UTF-8 character.

    Returns:
        The ending in UTF-8; None where no text begins so, or none ends within 2,048 characters.
    """

    def within(most: int | None, fuel: int) -> LLMatcher:
        bound = "" if most is None else f" & /(?s:.){{0,{most}}}/"
        grammar = f"start: X\nX: ({expression}){bound}\n"
        return byte_matcher(grammar, step_fuel=fuel)

    return _shortest(within, beginning, len(beginning.decode("utf-8", "ignore")))


@lru_cache(maxsize=256)
def shortest_string(schema: str, beginning: bytes) -> bytes | None:
    """The same for a string of JSON, whose schema is given as text, up to its closing quote.

    Args:
        beginning: with the opening quote.
    """

    def within(most: int | None, fuel: int) -> LLMatcher:
        return _string_matcher(schema, most, fuel)

    return _shortest(within, beginning, len(beginning.decode("utf-8", "ignore")) - 1)


@lru_cache(maxsize=256)
def string_bytes(schema: str, beginning: bytes) -> bytes:
    """The bit mask of bytes that may follow a string's beginning; empty where it does not fit."""
    matcher = _string_matcher(schema, None, _USUAL_FUEL)
    begun = matcher.try_consume_tokens([*beginning]) == len(beginning)
    return matcher.compute_bitmask() if begun else b""


def _string_matcher(schema: str, most: int | None, fuel: int) -> LLMatcher:
    described = json.loads(schema)
    if most is not None:
        described["maxLength"] = min(described.get("maxLength", most), most)
    matcher = byte_matcher(json_lark(described), step_fuel=fuel)
    matcher.try_consume_tokens([ord(" ")])
    return matcher


def _shortest(
    within: Callable[[int | None, int], LLMatcher], beginning: bytes, written: int
) -> bytes | None:
    """The shortest ending; `within` makes the matcher of texts of at most so many characters."""

    def begun(limit: int | None) -> LLMatcher | None:
        far = limit is not None and limit > _NEAR
        matcher = within(None if limit is None else written + limit, _FUEL if far else _USUAL_FUEL)
        if matcher.is_error() or matcher.try_consume_tokens([*beginning]) != len(beginning):
            return None
        alive = matcher.is_accepting() or any(matcher.compute_bitmask())
        return matcher if alive and not matcher.is_error() else None

    def reach(limit: int | None) -> tuple[bytes, int] | None:
        """An ending with that bound, and how many characters it has."""
        matcher = begun(limit)
        found = None if matcher is None else _walk(matcher)
        return None if found is None else (found, len((beginning + found).decode()) - written)

    low, high = -1, _GUESS
    reached = reach(None)  # ends at once where the expression leaves no way round
    if reached is None and begun(None) is None:
        return None
    while reached is None:
        reached = reach(high)
        if reached is None:
            low, high = high, high * 4
        if high > _LONGEST:
            return None
    high, middle = reached[1], reached[1] - 1
    while high - low > 1:
        closer = reach(middle)
        if closer is None:
            low = middle
        else:
            reached, high = closer, min(middle, closer[1])
        middle = (low + high) // 2
    return reached[0]


def _walk(matcher: LLMatcher) -> bytes | None:
    """To the end by the plainest byte that may come; None where it does not end soon."""
    ending = bytearray()
    while not matcher.is_accepting():
        allowed = allowed_bytes(matcher)
        if len(ending) > _FARTHEST or not allowed or not matcher.consume_token(allowed[0]):
            return None
        ending.append(allowed[0])
    return bytes(ending)


def allowed_bytes(matcher: LLMatcher) -> list[int]:
    """Bytes that may come, plain ones first."""
    bits = int.from_bytes(matcher.compute_bitmask(), "little")
    return [byte for byte in PLAIN_FIRST if bits >> byte & 1]
