"""A word with the boxes of its letters: where it can be parted, should it be two."""

from __future__ import annotations

from collections.abc import Callable

from ...types import Box, Word


class SpeltWord(Word):
    """A recognised word of which is known where its letters are.

    Attributes:
        letters: the box around the ink of each of its characters.
    """

    letters: tuple[Box, ...]


def moved(word: Word, place: Callable[[Box], Box]) -> Word:
    """A word whose boxes all go where `place` has them."""
    update: dict[str, object] = {"box": place(word.box)}
    if isinstance(word, SpeltWord):
        update["letters"] = tuple(map(place, word.letters))
    return word.model_copy(update=update)


def plain(word: Word) -> Word:
    """A word without its letters, as it is handed out."""
    return Word(**{name: getattr(word, name) for name in Word.model_fields})
