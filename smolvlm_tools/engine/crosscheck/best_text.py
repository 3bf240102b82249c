"""Of two transcriptions, the better word each time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ...types import Word
from .letters import letters_of
from .lines import Compared, combined


class Written(NamedTuple):
    """A text, how sure one can be of it, and whether the model's words are among it."""

    text: str
    confidence: float
    by_model: bool


class _Chosen(NamedTuple):
    text: str
    confidence: float
    by_model: bool


def recognised_text(words: Sequence[Word]) -> str:
    """Recognised words, a line for each line; an empty line between images."""
    pages = [list(page) for _, page in groupby(words, key=lambda word: word.image)]
    return "\n\n".join(
        "\n".join(
            " ".join(word.text for word in line)
            for _, line in groupby(page, key=lambda word: word.line)
        )
        for page in pages
    )


def write_best(words: Sequence[Word], compared: Compared, *, only_ocr: bool = False) -> Written:
    """The recognised lines, with the model's form of a word where it was surer of its line.

    What the model alone has is left out, and what it left out is there: the recogniser does not
    invent. Where both have the same letters, spaces within them are the model's. A word that both
    have is as sure as either makes it, another as sure as whoever said it.

    Args:
        only_ocr: take every word as it was recognised.
    """
    chosen = [
        _choose(word, shared, compared, only_ocr)
        for word, shared in zip(words, compared.shared, strict=True)
    ]
    said = [
        word.model_copy(update={"text": each.text})
        for word, each in zip(words, chosen, strict=True)
    ]
    letters = [len(word.text) for word in words]
    sure = sum(each.confidence * n for each, n in zip(chosen, letters, strict=True))
    return Written(
        recognised_text(said),
        sure / sum(letters) if sum(letters) else 0.0,
        any(each.by_model for each in chosen),
    )


def _choose(word: Word, shared: dict[int, int], compared: Compared, only_ocr: bool) -> _Chosen:
    letters = letters_of(word.text)
    said = [compared.said[at] for at in sorted(shared)]
    if not said:
        return _Chosen(word.text, word.confidence, False)
    model = compared.lines[compared.line_of[min(shared)]].model_confidence
    text = " ".join(said)
    if letters_of(text) == letters:
        sure = combined(1.0, model, word.confidence)
        same = text.split() == [word.text]
        return _Chosen(word.text if only_ocr else text, sure, not (same or only_ocr))
    alike = sum(shared.values()) / max(len(letters), len(letters_of(text)))
    if only_ocr or len(said) > 1 or alike <= 0.5 or model <= word.confidence:
        return _Chosen(word.text, word.confidence, False)
    return _Chosen(text, model, True)
