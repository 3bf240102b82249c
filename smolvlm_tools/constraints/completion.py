"""The shortest end of an answer that was cut; knows grammars over bytes, no vocabulary or weights.

A layered search over bytes. llguidance shows which bytes may come next but not how far the end is,
so states that allow the same bytes are taken for alike, and a few of each kind are kept. What such
a search cannot see is what a regular expression remembers ("contains foo" allows the same bytes
before and after "f"). There the expression itself is asked: intersected with "at most n
characters", llguidance's exact emptiness check leads to its shortest member.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import SchemaNotSupported
from .byte_matcher import byte_matcher

if TYPE_CHECKING:
    from llguidance import LLMatcher

_FIRST = b'.0123456789 abcdefghijklmnopqrstuvwxyz"}]:,'
_ORDER = sorted(range(256), key=lambda byte: (_FIRST.find(byte) % 256, byte))
_ALIKE = 3
"""States kept of those that allow the same bytes after as many bytes."""
_WIDTH = 24
"""States kept of all that stand after as many bytes."""
_WORK = 60_000
"""Bytes tried, 3 µs each, before the search goes on only from where it got farthest."""
_BEFORE_VALUES = tuple(b'"[{:, '[i : i + 1] for i in range(6))
_FREE = 70
"""More bytes than may continue a UTF-8 character: in free text."""
_BACKSLASH = 0x5C
_LONGEST = 1 << 14
"""Characters within which an expression's shortest member must lie."""

_RULE = re.compile(r"^(?!T\d)[A-Za-z_]\w*: (.+)$", re.MULTILINE)
_PIECE = re.compile(r'/(?:\\.|[^/\\])*/|"(?:\\.|[^"\\])*"')


@dataclass(frozen=True, slots=True)
class _State:
    """After `suffix`; `known_mask` and `telling` spare trying again what was found to be alike.

    Of states that look alike the one that chose less is likely nearer to the end: what a grammar
    forces has to be written anyway.
    """

    matcher: LLMatcher
    suffix: bytes
    chosen: int = 0
    known_mask: bytes = b""
    telling: list[int] = field(default_factory=list[int])


def shortest_completion(grammar: str, so_far: bytes) -> bytes:
    """The fewest bytes after which `so_far` is a whole text of the grammar.

    Args:
        grammar: in llguidance's Lark form, without special tokens.
        so_far: the beginning of a text of the grammar; may end inside of a UTF-8 character.

    Returns:
        The bytes; none where `so_far` is whole. Where the grammar's states are so many that some
        must be left out, a completion that is short rather than shortest.

    Raises:
        SchemaNotSupported: `so_far` begins no text of the grammar, or the grammar is too complex.
    """
    start = byte_matcher(grammar)
    if start.try_consume_tokens(list(so_far)) != len(so_far):
        raise _failed(f"{so_far[-40:]!r} begins no text of the grammar")
    layers: dict[int, list[_State]] = {0: [_State(start, b"")]}
    if not start.is_accepting():
        _jump(layers, 0, _endings(grammar, so_far), layers[0][0])
    tried = 0
    while layers and tried < 2 * _WORK:
        length = min(layers) if tried < _WORK else max(layers)
        states = _distinct(layers.pop(length))
        for state in states:
            if state.matcher.is_accepting():
                return state.suffix
        alike: dict[tuple[bytes, bool], int] = {}
        for state in states:
            if not state.suffix or state.suffix[-1:] in _BEFORE_VALUES:
                _jump(layers, length, _members(grammar), state)
            tried += _expand(state, length, layers, alike)
    raise _failed("the grammar is too complex to be completed")


def _expand(
    state: _State,
    length: int,
    layers: dict[int, list[_State]],
    alike: dict[tuple[bytes, bool], int],
) -> int:
    """Add what follows `state` to the layers after it; how many bytes were tried."""
    matcher = state.matcher
    forced = matcher.compute_ff_bytes()
    if forced:
        if matcher.consume_tokens(list(forced)):
            layers.setdefault(length + len(forced), []).append(
                _State(matcher, state.suffix + forced, state.chosen)
            )
        return len(forced)
    mask = matcher.compute_bitmask()
    candidates = state.telling if mask == state.known_mask else _allowed(mask)
    kept: list[tuple[int, LLMatcher]] = []
    mine: dict[tuple[bytes, bool], int] = {}
    telling: list[int] = []
    for byte in candidates:
        if not matcher.consume_token(byte):
            raise _failed(f"the grammar is too complex ({matcher.get_error()[:120]})")
        kind = (matcher.compute_bitmask(), matcher.is_accepting())
        mine[kind] = mine.get(kind, 0) + 1
        if mine[kind] <= _ALIKE:
            telling.append(byte)
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] <= _ALIKE:
            kept.append((byte, matcher.deep_copy()))
        matcher.rollback(1)
    after = layers.setdefault(length + 1, []) if kept else []
    for byte, copy in kept:
        after.append(_State(copy, state.suffix + bytes([byte]), state.chosen + 1, mask, telling))
    return len(candidates)


def _jump(
    layers: dict[int, list[_State]], length: int, texts: Iterable[bytes], state: _State
) -> None:
    """Add what follows after whole texts that expressions suggest."""
    for text in texts:
        matcher = state.matcher.deep_copy()
        if text and matcher.try_consume_tokens(list(text)) == len(text):
            after = _State(matcher, state.suffix + text, state.chosen + len(text))
            layers.setdefault(length + len(text), []).append(after)


def _distinct(states: list[_State]) -> list[_State]:
    """A few of each kind, those that chose least."""
    kinds: dict[tuple[bytes, bool, bytes], int] = {}
    kept: list[_State] = []
    for state in sorted(states, key=lambda state: state.chosen):
        matcher = state.matcher
        kind = (matcher.compute_bitmask(), matcher.is_accepting(), matcher.compute_ff_bytes())
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= _ALIKE:
            kept.append(state)
    return kept[:_WIDTH]


def _allowed(mask: bytes) -> list[int]:
    """Bytes that may come; where nearly all may, those that are a character by themselves."""
    bits = int.from_bytes(mask, "little")
    allowed = [byte for byte in _ORDER if bits >> byte & 1]
    if len(allowed) <= _FREE:
        return allowed
    return [byte for byte in allowed if byte < 0x80 and byte != _BACKSLASH] or allowed


@lru_cache(maxsize=64)
def _expressions(grammar: str) -> tuple[str, ...]:
    """Right sides of rules that are regular expressions with a memory."""
    found: list[str] = []
    for match in _RULE.finditer(grammar):
        right = match[1]
        pieces = [piece for piece in _PIECE.findall(right) if piece.startswith("/")]
        if pieces and not re.search(r"[^\s&|~()]", _PIECE.sub("", right)):
            found.append(right)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=64)
def _members(grammar: str) -> tuple[bytes, ...]:
    """A shortest member of every expression, also without an opening quote."""
    members = [shortest_member(right) or b"" for right in _expressions(grammar)]
    opened = [member[1:] for member in members if member.startswith(b'"')]
    return tuple(dict.fromkeys(member for member in members + opened if member))


def _endings(grammar: str, so_far: bytes) -> Iterator[bytes]:
    """Endings that expressions suggest where `so_far` ends inside of one."""
    opened = so_far.rfind(b'"')
    while opened > 0 and _escaped(so_far, opened):
        opened = so_far.rfind(b'"', 0, opened)
    begins = {len(so_far), min(1, len(so_far)), 0} | ({opened} if opened >= 0 else set())
    for right in _expressions(grammar):
        for begin in sorted(begins):
            ending = shortest_member(right, so_far[begin:])
            if ending:
                yield ending


def _escaped(text: bytes, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def shortest_member(expression: str, beginning: bytes = b"") -> bytes | None:
    """The fewest characters that complete `beginning` to a member of a regular expression.

    Args:
        expression: the right side of a Lark terminal: regexes and strings joined by `|`, `&`, `~`.
        beginning: of a member; may end inside of a UTF-8 character.

    Returns:
        The ending in UTF-8; None where no member begins so, or none ends within 16,384 characters.
    """
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
        byte = next(iter(_allowed(matcher.compute_bitmask())), None)
        if byte is None or not matcher.consume_token(byte):
            return None
        ending.append(byte)
    return bytes(ending)


def _within(expression: str, beginning: bytes, limit: int | None) -> LLMatcher | None:
    """After `beginning`, among members of at most `limit` characters; None where there is none."""
    bound = "" if limit is None else f" & /(?s:.){{0,{limit}}}/"
    matcher = byte_matcher(f"start: X\nX: ({expression}){bound}\n", check=False)
    if matcher.is_error():
        return None
    if matcher.try_consume_tokens(list(beginning)) != len(beginning):
        return None
    alive = matcher.is_accepting() or any(matcher.compute_bitmask())
    return matcher if alive and not matcher.is_error() else None


def _failed(reason: str) -> SchemaNotSupported:
    return SchemaNotSupported(reason, "Use a simpler schema or pattern.", "grammar")
