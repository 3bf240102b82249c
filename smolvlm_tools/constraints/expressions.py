"""Terminals of a Lark grammar by themselves: where they may end, and their shortest members.

Regular expressions over bytes, by llguidance. The shortest
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
_CLOSING = sorted(range(256), key=lambda byte: (byte != 0x22, _ORDER.index(byte)))
_GUESS = 32
_FARTHEST = 1200
"""Bytes after which a walk is given up."""
_LONGEST = 1 << 11
"""Characters within which a shortest member must lie."""
_NEAR = 256
"""Characters within which a byte may be as hard for the lexer as while decoding."""
_FUEL = 10_000
"""For the lexer, for each byte, beyond that: 0.7 ms."""
_MOST_TRIED = 50_000


@lru_cache(maxsize=256)
def shortest_member(expression: str, beginning: bytes = b"") -> bytes | None:
    """The fewest characters that complete `beginning` to a member of an expression.

    Args:
        expression: the right side of a terminal: regexes and strings joined by `|`, `&`, `~`; or
            `%json` with the schema of a scalar.
        beginning: of a member; may end inside of a UTF-8 character.

    Returns:
        The ending in UTF-8; None where no member begins so, or none ends within 2,048 characters.
    """
    if expression.startswith("%json"):
        return _searched(byte_matcher(f"start: {expression}\n"), beginning)
    written = len(beginning.decode("utf-8", "ignore"))

    def reach(limit: int | None) -> tuple[bytes, int] | None:
        """An ending with that bound, and how many characters it has."""
        bound = None if limit is None else written + limit
        matcher = _within(expression, beginning, bound)
        found = None if matcher is None else _walk(matcher, _CLOSING)
        if matcher is None or found is None:
            return None
        return found, len((beginning + found).decode()) - written

    low, high = -1, _GUESS
    reached = reach(None)  # ends at once where the expression leaves no way round
    if reached is None and _within(expression, beginning, None) is None:
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
            reached, high = closer, closer[1]
        middle = (low + high) // 2
    tight = _within(expression, beginning, written + high)
    plain = None if tight is None else _walk(tight, _ORDER)
    return reached[0] if plain is None else plain


def _walk(matcher: LLMatcher, order: list[int]) -> bytes | None:
    """To the end by the first byte in `order` that may come; None where it does not end soon."""
    ending = bytearray()
    while not matcher.is_accepting():
        if len(ending) > _FARTHEST:
            return None
        allowed = allowed_bytes(matcher, order)
        if not allowed or not matcher.consume_token(allowed[0]):
            return None
        ending.append(allowed[0])
    return bytes(ending)


def has_members(expression: str) -> bool:
    """Whether an expression has members at all.

    Raises:
        SchemaNotSupported: it is too complex to tell.
    """
    byte_matcher(f"start: X\nX: {expression}\n")
    return _within(expression, b"", None) is not None


def ends(expression: str, text: bytes, begin: int) -> tuple[list[int], bool]:
    """Where members may end that begin at `begin`, and whether one goes on after the text."""
    matcher = _start(expression).deep_copy()
    found = [begin] if matcher.is_accepting() else []
    for at in range(begin, len(text)):
        if matcher.try_consume_tokens([text[at]]) != 1:
            return found, False
        if matcher.is_accepting():
            found.append(at + 1)
    return found, bool(allowed_bytes(matcher))


@lru_cache(maxsize=48)
def _start(expression: str) -> LLMatcher:
    if expression.startswith("%json"):
        return byte_matcher(f"start: {expression}\n")
    return byte_matcher(f"start: X\nX: {expression}\n")


def allowed_bytes(matcher: LLMatcher, order: list[int] | None = None) -> list[int]:
    """Bytes that may come, in `order`, or plain ones first."""
    bits = int.from_bytes(matcher.compute_bitmask(), "little")
    return [byte for byte in order or _ORDER if bits >> byte & 1]


def _within(expression: str, beginning: bytes, limit: int | None) -> LLMatcher | None:
    """After `beginning`, among members of at most `limit` characters; None where there is none."""
    bound = "" if limit is None else f" & /(?s:.){{0,{limit}}}/"
    text = f"start: X\nX: ({expression}){bound}\n"
    if limit is None or limit <= len(beginning) + _NEAR:
        matcher = byte_matcher(text, check=False)
    else:
        matcher = byte_matcher(text, check=False, step_fuel=_FUEL)
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
