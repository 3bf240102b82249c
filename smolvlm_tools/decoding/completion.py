"""The shortest end of an answer that was cut.

A text of one expression is completed exactly. A JSON document is completed by a best-first search
over what its grammar allows: forced bytes are taken as one step, strings that have to match a
pattern are ended as a whole, and of beginnings that look alike to the grammar one is followed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from ..constraints.byte_matcher import byte_matcher
from .endings import allowed_bytes, shortest_member, shortest_string, string_bytes

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from ..constraints.kinds import Grammar

_MOST_STEPS, _LONGEST = 20_000, 1 << 12
_Look: TypeAlias = "tuple[tuple[bytes | int, ...], int, bytes]"
_ALIKE = 40
"""Numbers that look alike and are followed all the same: `multipleOf` tells them apart later."""


def shortest_completion(grammar: Grammar, so_far: bytes) -> bytes | None:
    """The fewest bytes after which `so_far` is a whole text of the grammar.

    Args:
        so_far: the beginning of a text, its leading space included; may end inside of a UTF-8
            character.

    Returns:
        The bytes, none where `so_far` is whole; None where no end was found. For JSON they are
        short rather than shortest where alternatives that look alike differ later on.
    """
    if grammar.terminal is not None:
        return shortest_member(f'" " ({grammar.terminal})', so_far)
    return _search(grammar.lark, grammar.strings, so_far)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How far a JSON text has been read.

    Attributes:
        open: of each container that is open: the last name or text in an object, or how many items
            of an array began.
        scalar: of the value or name being written, with the opening quote; empty between them.
    """

    open: tuple[bytes | int, ...] = ()
    scalar: bytes = b""

    @property
    def in_string(self) -> bool:
        return self.scalar.startswith(b'"')

    @property
    def least(self) -> int:
        """Bytes that have to follow at least."""
        return len(self.open) + self.in_string

    def after(self, text: bytes) -> _Reading:
        now = self
        for byte in text:
            now = now._next(bytes([byte]))
        return now

    def _next(self, byte: bytes) -> _Reading:
        if self.in_string:
            escaped = (len(self.scalar) - len(self.scalar.rstrip(b"\\"))) % 2
            if byte != b'"' or escaped:
                return replace(self, scalar=self.scalar + byte)
            return replace(self, scalar=b"", open=self._named(self.scalar[1:]))
        if byte in b"{[":
            return _Reading((*self.open, b"" if byte == b"{" else 0))
        if byte in b"}]":
            return _Reading(self.open[:-1])
        if byte == b"," and self.open and isinstance(self.open[-1], int):
            return _Reading((*self.open[:-1], self.open[-1] + 1))
        return replace(self, scalar=b"" if byte in b" ,:" else self.scalar + byte)

    def _named(self, text: bytes) -> tuple[bytes | int, ...]:
        """A name and a text value both: the search needs to tell members apart, no more."""
        if not self.open or isinstance(self.open[-1], int):
            return self.open
        return (*self.open[:-1], text)


def _search(lark: str, strings: tuple[str, ...], so_far: bytes) -> bytes | None:
    matcher = byte_matcher(lark)
    if matcher.try_consume_tokens(list(so_far)) != len(so_far):
        return None
    order, seen = count(), Counter[_Look]()
    reading = _Reading().after(so_far)
    waiting = [(reading.least, next(order), b"", reading, matcher, _look(reading, matcher))]
    for _ in range(_MOST_STEPS):
        if not waiting:
            break
        _, _, ending, reading, matcher, look = heapq.heappop(waiting)
        if matcher.is_accepting():
            return ending
        seen[look] += 1
        if seen[look] > (1 if reading.in_string or not reading.scalar else _ALIKE):
            continue
        fresh = not ending or reading.scalar == b'"'
        siblings: set[tuple[_Look, int]] = set()
        for piece in _pieces(matcher, reading, strings if fresh else ()):
            further = matcher.deep_copy()
            if further.try_consume_tokens([*piece]) != len(piece):
                continue
            piece += bytes(forced := further.compute_ff_tokens())
            further.consume_tokens(forced)
            read, longer = reading.after(piece), ending + piece
            look = _look(read, further)
            repeats = (read.in_string or not read.scalar) and (look, len(piece)) in siblings
            if repeats or len(longer) > _LONGEST:
                continue
            siblings.add((look, len(piece)))
            entry = (len(longer) + read.least, next(order), longer, read, further, look)
            heapq.heappush(waiting, entry)
    return None


def _look(reading: _Reading, matcher: LLMatcher) -> _Look:
    """What tells a beginning from others, as far as can be seen here."""
    return reading.open, len(reading.scalar), matcher.compute_bitmask()


def _pieces(matcher: LLMatcher, reading: _Reading, strings: tuple[str, ...]) -> list[bytes]:
    """What may come next: an end if there can be one, else single bytes, and ends of a string."""
    allowed = allowed_bytes(matcher)
    ends = b'"' if reading.in_string else b",}]" if reading.scalar else b"}]"
    if ending := [bytes([byte]) for byte in allowed if byte in ends]:
        return ending
    singles = [bytes([byte]) for byte in allowed]
    if not reading.in_string:
        return singles
    bits = matcher.compute_bitmask()
    fits = [schema for schema in strings if string_bytes(schema, reading.scalar) == bits]
    whole = [shortest_string(schema, reading.scalar) for schema in fits or strings]
    endings = [ending for ending in whole if ending]
    return endings if fits and endings else singles + endings
