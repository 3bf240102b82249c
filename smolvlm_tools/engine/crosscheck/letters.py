"""Words as the characters that are compared: no spaces, one form of quotation marks and dashes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`´", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        "\u00d7": "x",
    }
)


def letters_of(text: str) -> str:
    """The characters of a text that are compared; NFKC makes one of ligatures and wide forms."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_ALIKE).split())


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of words, one after the other.

    Attributes:
        text: all of them.
        word: of each letter, the number of its word.
        spans: of each word, its first letter and the one after its last.
    """

    text: str
    word: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Letters:
        """Join words."""
        texts = [letters_of(word) for word in words]
        spans: list[tuple[int, int]] = []
        for text in texts:
            start = spans[-1][1] if spans else 0
            spans.append((start, start + len(text)))
        numbers = tuple(at for at, text in enumerate(texts) for _ in text)
        return cls("".join(texts), numbers, tuple(spans))
