"""Which line of the model lacks a recognised word.

A line that skips a word, or joins the beginning of one printed line to the end of another, has all
of its own letters recognised: only what it left out shows that it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ...types import Word


def charge(
    words: Sequence[Word], absent: Sequence[bool], owners: Sequence[int | None]
) -> dict[int, list[Word]]:
    """The absent words of each line of the model that lacks some.

    That is the line whose words stand both before and after, or else the one nearest before, or
    after, in the same printed line. A printed line that is absent as a whole is nobody's.

    Args:
        words: in reading order.
        absent: of each, whether no line of the model has it.
        owners: of each, the line of the model that has it.
    """
    present = [
        None if is_absent or owner is None else at
        for at, (is_absent, owner) in enumerate(zip(absent, owners, strict=True))
    ]
    before = list(accumulate(present, _latest))
    after = list(accumulate(reversed(present), _latest))[::-1]
    found: dict[int, list[Word]] = {}
    for word, is_absent, one, other in zip(words, absent, before, after, strict=True):
        near = [at for at in (one, other) if at is not None and words[at].image == word.image]
        own = [owners[at] for at in near if words[at].line == word.line]
        is_within = len(near) == 2 and owners[near[0]] == owners[near[1]]
        owner = owners[near[0]] if is_within else own[0] if own else None
        if is_absent and owner is not None:
            found.setdefault(owner, []).append(word)
    return found


def _latest(last: int | None, at: int | None) -> int | None:
    return last if at is None else at
