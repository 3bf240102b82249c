"""Terminals of a Lark grammar by themselves: where they may end, and their shortest members.

Knows regular expressions through llguidance, over bytes; not grammars around them. The shortest
member is found by asking for members of at most n characters: llguidance decides exactly whether an
intersection is empty, so every byte it then allows leads to an end within the bound.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .byte_matcher import byte_matcher

if TYPE_CHECKING:
    from llguidance import LLMatcher

_FIRST = b'.0123456789 abcdefghijklmnopqrstuvwxyz"}]:,'
_ORDER = sorted(range(256), key=lambda byte: (_FIRST.find(byte) % 256, byte))
_LONGEST = 1 << 14
"""Characters within which a shortest member must lie."""
_MOST_TRIED = 50_000


@lru_cache(maxsize=1024)
def shortest_member(expression: str, beginning: bytes = b"") -> bytes | None:
    """The fewest characters that complete `beginning` to a member of an expression.

    Args:
        expression: the right side of a terminal: regexes and strings joined by `|`, `&`, `~`; or
            `%json` with the schema of a scalar.
        beginning: of a member; may end inside of a UTF-8 character.

    Returns:
        The ending in UTF-8; None where no member begins so, or none ends within 16,384 characters.
    """
    if expression.startswith("%json"):
        return _searched(byte_matcher(f"start: {expression}\n"), beginning)
    written = len(beginning.decode("utf-8", "ignore"))
    low, high = -1, 1
    while (matcher := _within(expression, beginning, written + high)) is None:
        low, high = high, high * 4
        if (low == 1 and _within(expression, beginning, None) is None) or high > _LONGEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        closer = _within(expression, beginning, written + middle)
        if closer is None:
            low = middle
        else:
            high, matcher = middle, closer
    ending = bytearray()
    while not matcher.is_accepting():
        allowed = allowed_bytes(matcher)
        if not allowed or not matcher.consume_token(allowed[0]):
            return None
        ending.append(allowed[0])
    return bytes(ending)


def ends(expression: str, text: bytes, begin: int) -> tuple[list[int], bool]:
    """Where members may end that begin at `begin`, and whether one goes on after the text."""
    if expression.startswith("%json"):
        matcher = byte_matcher(f"start: {expression}\n")
    else:
        matcher = byte_matcher(f"start: X\nX: {expression}\n")
    found = [begin] if matcher.is_accepting() else []
    for at in range(begin, len(text)):
        if matcher.try_consume_tokens([text[at]]) != 1:
            return found, False
        if matcher.is_accepting():
            found.append(at + 1)
    return found, bool(allowed_bytes(matcher))


def allowed_bytes(matcher: LLMatcher) -> list[int]:
    """Bytes that may come, plain ones first."""
    bits = int.from_bytes(matcher.compute_bitmask(), "little")
    return [byte for byte in _ORDER if bits >> byte & 1]


def _within(expression: str, beginning: bytes, limit: int | None) -> LLMatcher | None:
    """After `beginning`, among members of at most `limit` characters; None where there is none."""
    bound = "" if limit is None else f" & /(?s:.){{0,{limit}}}/"
    matcher = byte_matcher(f"start: X\nX: ({expression}){bound}\n", check=False)
    if matcher.is_error() or matcher.try_consume_tokens(list(beginning)) != len(beginning):
        return None
    alive = matcher.is_accepting() or any(matcher.compute_bitmask())
    return matcher if alive and not matcher.is_error() else None


def _searched(matcher: LLMatcher, beginning: bytes) -> bytes | None:
    """Breadth first: for numbers, whose texts are short."""
    if matcher.try_consume_tokens(list(beginning)) != len(beginning):
        return None
    layer, tried = [(matcher, b"")], 0
    while layer and tried < _MOST_TRIED:
        for state, ending in layer:
            if state.is_accepting():
                return ending
        after: list[tuple[LLMatcher, bytes]] = []
        for state, ending in layer:
            for byte in allowed_bytes(state):
                copy = state.deep_copy()
                if byte < 256 and copy.consume_token(byte):
                    after.append((copy, ending + bytes([byte])))
        layer, tried = after, tried + len(after)
    return None
