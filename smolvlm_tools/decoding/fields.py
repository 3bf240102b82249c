"""How sure the model was of every value of a JSON document."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")|("(?:[^"\\]|\\.)*)|[-+.\w]+|[{}\[\],]')
"""A closed string, the beginning of one that is not, a number or word, or a sign."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token wrote.

    Attributes:
        size: bytes of UTF-8.
        logprob: of the token among those allowed; None where it was forced.
    """

    size: int
    logprob: float | None


def field_confidence(
    text: bytes, pieces: Sequence[Piece], *, cut: bool = False
) -> dict[str, float]:
    """Probability of each scalar in a document, by JSON pointer (RFC 6901).

    That of a number, true, false or null is the product of its tokens' probabilities, that of a
    string their geometric mean; tokens that were forced do not count. 0 where the tokens did not
    write all of it, or where they were cut off behind a digit, as more digits may have come.

    Args:
        text: a JSON document, or the beginning of one.
        pieces: that wrote the beginning of it, in their order.
        cut: whether the last piece was not meant to be the last.
    """
    starts: list[int] = []
    end = 0
    for piece in pieces:
        starts.append(end)
        end += piece.size
    found: dict[str, float] = {}
    for pointer, begin, stop in _scalars(text):
        chosen = [
            piece.logprob
            for start, piece in zip(starts, pieces, strict=True)
            if piece.logprob is not None and start < stop and start + piece.size > begin
        ]
        is_text = text[begin : begin + 1] == b'"'
        if stop > end or (cut and stop == end and not is_text):
            found[pointer] = 0.0
        else:
            found[pointer] = math.exp(sum(chosen) / (max(len(chosen), 1) if is_text else 1))
    return found


def _scalars(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Pointer, start and end of every scalar that is whole, in the order of the text."""
    path: list[str | int | None] = []  # of open containers: the member's name, or the item's index
    for token in _TOKEN.finditer(text):
        piece = token[0]
        if piece in b"{[":
            path.append(None if piece == b"{" else 0)
        elif piece in b"}]":
            path.pop()
        elif piece == b",":
            last = path.pop()
            path.append(last + 1 if isinstance(last, int) else None)
        elif token[2]:
            return
        elif path and path[-1] is None:
            path[-1] = json.loads(piece)
        else:
            steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
            yield "".join(f"/{step}" for step in steps), token.start(), token.end()
