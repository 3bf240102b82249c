"""Which characters of a reply and of recognised words are the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import BackendUnavailable
from .letters import Letters

SUPPORTED = 0.5
"""The share of a line's characters that has to be recognised, for the line to count as printed.

Of two different texts of a language, an alignment finds about a quarter of the characters alike."""

_MOVED = 60  # of 100: how alike a line has to be that stands elsewhere in the other text


class Alignment:
    """The characters that two texts have in common, in the same order.

    By edit distance (Levenshtein) over the whole texts. A line that finds nothing in its place is
    looked for among the recognised words that nothing else has claimed: readers take columns in
    different orders.

    Attributes:
        partner: of each letter of the reply, the recognised letter that is the same, or None.
    """

    def __init__(
        self, said: Letters, recognised: Letters, lines: Sequence[tuple[int, int]]
    ) -> None:
        """Align two texts.

        Args:
            lines: first word and the one after the last of each line of the reply.
        """
        self._said, self._recognised = said, recognised
        self.partner: list[int | None] = [None] * len(said.text)
        self._match((0, len(said.text)), said.text, list(range(len(recognised.text))))
        for first, end in lines:
            span = (said.spans[first][0], said.spans[end - 1][1]) if end > first else (0, 0)
            if span[1] > span[0] and self._matched(span) < SUPPORTED:
                self._look_elsewhere(span)

    def _match(self, span: tuple[int, int], text: str, among: Sequence[int]) -> None:
        """Give the letters of a span their partners among these recognised letters."""
        levenshtein, _ = _rapidfuzz()
        other = "".join(self._recognised.text[at] for at in among)
        for block in levenshtein.opcodes(text, other):
            if block.tag == "equal":
                for step in range(block.src_end - block.src_start):
                    self.partner[span[0] + block.src_start + step] = among[block.dest_start + step]

    def _matched(self, span: tuple[int, int]) -> float:
        found = sum(each is not None for each in self.partner[span[0] : span[1]])
        return found / (span[1] - span[0])

    def _look_elsewhere(self, span: tuple[int, int]) -> None:
        """Look for a line among the words that no other line has."""
        others = {p for p in self.partner[: span[0]] + self.partner[span[1] :] if p is not None}
        free = [
            at
            for first, end in self._recognised.spans
            if sum(letter in others for letter in range(first, end)) < (end - first) / 2
            for at in range(first, end)
            if at not in others
        ]
        text = self._said.text[span[0] : span[1]]
        _, partial_alignment = _rapidfuzz()
        whole = "".join(self._recognised.text[at] for at in free)
        if len(whole) < len(text) / 2:
            return
        found = partial_alignment(text, whole, score_cutoff=_MOVED)
        if found is None or found.dest_end - found.dest_start < len(text) / 2:
            return
        self.partner[span[0] : span[1]] = [None] * len(text)
        self._match(span, text, free[found.dest_start : found.dest_end])


def similarity(one: str, other: str) -> float:
    """0 to 1: one minus the edit distance, over the length of the longer text."""
    levenshtein, _ = _rapidfuzz()
    return levenshtein.normalized_similarity(one, other)


def check_library() -> None:
    """See that texts can be compared; raises BackendUnavailable."""
    _rapidfuzz()


def _rapidfuzz() -> tuple[Any, Any]:
    """Levenshtein's functions, and the search for a text within another."""
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.fuzz import partial_ratio_alignment
    except ImportError as error:
        raise BackendUnavailable(
            "comparing texts needs rapidfuzz, which is not installed",
            "Run: pip install 'smolvlm-tools[ocr]'",
        ) from error
    return Levenshtein, partial_ratio_alignment
