"""How sure the model was of every value of a JSON document."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER_OR_WORD = re.compile(r"[-+.\w]+")
_scan_string = json.decoder.scanstring  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token wrote.

    Attributes:
        size: bytes of UTF-8.
        logprob: of the token among those allowed; None where it was forced.
    """

    size: int
    logprob: float | None


def field_confidence(text: str, pieces: Sequence[Piece]) -> dict[str, float]:
    """Probability of each scalar in a document, by JSON pointer (RFC 6901).

    That of a number, true, false or null is the product of its tokens' probabilities, that of a
    string their geometric mean; tokens that were forced do not count. 0 where no token wrote it, or
    not all of it, because the document was completed without the model.

    Args:
        text: a JSON document.
        pieces: that wrote the beginning of it, in their order.
    """
    starts: list[int] = []
    end = 0
    for piece in pieces:
        starts.append(end)
        end += piece.size
    places = [0]
    for character in text:
        places.append(places[-1] + len(character.encode("utf-8", "surrogatepass")))
    found: dict[str, float] = {}
    for pointer, first, last in _scalars(text):
        begin, stop = places[first], places[last]
        chosen = [
            piece.logprob
            for start, piece in zip(starts, pieces, strict=True)
            if piece.logprob is not None and start < stop and start + piece.size > begin
        ]
        if stop > end:
            found[pointer] = 0.0
        elif text[first] == '"':
            found[pointer] = math.exp(sum(chosen) / max(len(chosen), 1))
        else:
            found[pointer] = math.exp(sum(chosen))
    return found


def _scalars(text: str) -> list[tuple[str, int, int]]:
    """Pointer, start and end of every scalar, in the order of the text."""
    found: list[tuple[str, int, int]] = []

    def value(at: int, pointer: str) -> int:
        if text[at] == "{":
            return members(_skip(text, at + 1), pointer)
        if text[at] == "[":
            return items(_skip(text, at + 1), pointer)
        end = _scalar_end(text, at)
        found.append((pointer, at, end))
        return end

    def members(at: int, pointer: str) -> int:
        while text[at] != "}":
            key, at = _scan_string(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)  # past the colon
            name = key.replace("~", "~0").replace("/", "~1")
            at = _after_comma(text, value(at, f"{pointer}/{name}"))
        return at + 1

    def items(at: int, pointer: str) -> int:
        index = 0
        while text[at] != "]":
            at = _after_comma(text, value(at, f"{pointer}/{index}"))
            index += 1
        return at + 1

    value(_skip(text, 0), "")
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _after_comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _scalar_end(text: str, at: int) -> int:
    if text[at] == '"':
        return int(_scan_string(text, at + 1)[1])
    found = _NUMBER_OR_WORD.match(text, at)
    return found.end() if found else at + 1
