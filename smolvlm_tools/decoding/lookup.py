"""Guesses the next tokens: what followed the same tokens before (prompt lookup decoding).

Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding; transformers has it as
`prompt_lookup_num_tokens`, llama.cpp as `lookup`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

RUN = 3
"""Tokens that have to agree: fewer guess wrong more often than a guess is worth."""

PAUSE = 16
"""Tokens without a guess after two in a row that were wrong from the first token on."""


class Lookup:
    """Knows the text that a reply may copy, the reply itself among it.

    Args:
        known: tokens that were there before the reply.
        most: longest guess.
    """

    def __init__(self, known: Iterable[int], most: int) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._most = most
        self._length = most // 2
        self._misses = self._pause = 0
        self.push(*known)

    def push(self, *tokens: int) -> None:
        """Add tokens that came next."""
        for token in tokens:
            end = len(self._tokens)
            if end >= RUN:
                self._after[tuple(self._tokens[-RUN:])] = end
            self._tokens.append(token)
        self._pause = max(0, self._pause - len(tokens))

    def guess(self, room: int) -> Sequence[int]:
        """What came after the same last tokens when they stood there most recently.

        Args:
            room: most tokens that can be used.
        """
        start = self._after.get(tuple(self._tokens[-RUN:]))
        if start is None or self._pause:
            return ()
        return self._tokens[start : start + min(self._length, room)]

    def learn(self, right: int, guessed: int) -> None:
        """Take in how much of a guess was right: the next one is longer, or shorter."""
        self._length = min(2 * self._length, self._most) if right == guessed else max(right, 1)
        self._misses = 0 if right else self._misses + 1
        if self._misses == 2:
            self._misses, self._pause = 0, PAUSE
