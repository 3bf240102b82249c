"""One recognised word that is several of the model's: a space that the recogniser lost.

The model alone does not part a word, since it invents spaces too. Its ink has to show a gap there
that is wider than usual between the word's letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import median

from ...images.ocr import SpeltWord
from ...types import Box, Word
from .alignment import SUPPORTED
from .letters import letters_of
from .lines import around


def part_words(
    words: Sequence[Word], said: Sequence[str], shared: Sequence[Mapping[int, int]]
) -> list[Word]:
    """Recognised words, those parted that the model wrote with a space and whose ink shows it.

    Args:
        said: the words of the reply.
        shared: see `Compared`.
    """
    found: list[Word] = []
    for word, counts in zip(words, shared, strict=True):
        found += _parts(word, [letters_of(said[at]) for at in sorted(counts)], sum(counts.values()))
    return found


def _parts(word: Word, said: Sequence[str], alike: int) -> list[Word]:
    """The parts of a word, or the whole.

    Args:
        said: what the model has in its place, as letters.
        alike: how many of them are the same.
    """
    count = len(word.text)
    if len(said) < 2 or not isinstance(word, SpeltWord) or len(word.letters) != count:
        return [word]
    if sum(map(len, said)) != count or alike < SUPPORTED * count:
        return [word]  # other letters: where one of its words ends is not known
    ends = list(accumulate(map(len, said)))
    gaps = [_gap(one, other) for one, other in pairwise(word.letters)]
    usual = median([gap for at, gap in enumerate(gaps, 1) if at not in ends] or [0.0])
    cuts = [0, *(end for end in ends[:-1] if gaps[end - 1] > usual), count]
    return [_part(word, first, end) for first, end in pairwise(cuts)]


def _gap(one: Box, other: Box) -> float:
    """The white between two letters, side by side or one below the other; negative: none."""
    across = max(other.left - one.right, one.left - other.right)
    down = max(other.top - one.bottom, one.top - other.bottom)
    return max(across, down)


def _part(word: SpeltWord, first: int, end: int) -> SpeltWord:
    letters = word.letters[first:end]
    box = around(letters)
    assert box is not None
    update = {"text": word.text[first:end], "letters": letters, "box": box}
    return word.model_copy(update=update)
