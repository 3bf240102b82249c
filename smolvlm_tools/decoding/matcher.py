"""Holds one answer to its grammar: which token may come next, and how a cut answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits
from ..constraints.compiler import CompiledGrammar
from ..constraints.completion import shortest_completion
from ..constraints.kinds import LINES
from ..errors import SchemaNotSupported
from .sampling import Sampler

if TYPE_CHECKING:
    from llguidance import LLMatcher


class Matcher:
    """One answer in the making.

    Attributes:
        completion: what was appended to a cut answer; None where none was asked for.
    """

    def __init__(self, answer: CompiledGrammar) -> None:
        self.grammar = answer.grammar
        self.completion: bytes | None = None
        self._state, self._tokens = answer.start.deep_copy(), answer.tokens
        self._mask = np.zeros(-(-self._tokens.vocab_size // 32), np.uint32)
        self._written = bytearray()

    @property
    def is_whole(self) -> bool:
        """Whether the answer is complete and nothing can follow."""
        return self._state.is_stopped()

    @property
    def may_end_anywhere(self) -> bool:
        """Whether a cut answer is worth what was written of it, as a list of lines is."""
        return self.grammar.name == LINES

    @property
    def text(self) -> str:
        """The answer without its leading space."""
        return (bytes(self._written) + (self.completion or b"")).decode().removeprefix(" ")

    def pick(self, logits: Logits, sampler: Sampler) -> tuple[int, float, bool]:
        """Choose the next token among those the grammar allows, and take it.

        Returns:
            The token; its natural log-probability among the allowed ones; whether it was forced.

        Raises:
            SchemaNotSupported: the grammar is too complex to go on with.
        """
        allowed = self._allowed(len(logits))
        token, logprob = sampler.pick(np.where(allowed, logits, np.float32(-np.inf)))
        self._take(token)
        return token, logprob, bool(np.count_nonzero(allowed) == 1)

    def forced(self, most: int) -> Sequence[int]:
        """Take the tokens that have to come next, `most` at most, but for the last of them.

        That one is left to `pick`, so that an answer always ends there.
        """
        tokens = self._state.compute_ff_tokens()[:-1][: max(most, 0)]
        for token in tokens:
            self._take(token)
        return tokens

    def complete(self) -> Sequence[int]:
        """End the answer with the fewest bytes that the grammar allows; their tokens."""
        if self.may_end_anywhere:
            return ()
        self.completion = self._ending()
        return self._tokens.tokenize_bytes(self.completion)

    def completed_text(self) -> str:
        """`text` with the end that `complete` gives it."""
        return (bytes(self._written) + self._ending()).decode().removeprefix(" ")

    @property
    def ends_in_digit(self) -> bool:
        """Whether the last byte is a digit: the number it belongs to may have had more."""
        return self._written[-1:].isdigit()

    def _ending(self) -> bytes:
        if self._state.is_accepting():
            return b""
        return shortest_completion(self.grammar.lark, bytes(self._written))

    def written(self, token: int) -> bytes:
        """What a token writes; nothing for one that ends the reply."""
        return b"" if token in self._tokens.eos_tokens else self._tokens.decode_bytes([token])

    def _allowed(self, vocabulary: int) -> NDArray[np.bool_]:
        """(vocabulary,): which tokens may come."""
        self._state.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        if self._state.is_error():
            raise _too_complex(self._state)
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")
        return bits[:vocabulary].astype(np.bool_)

    def _take(self, token: int) -> None:
        if not self._state.consume_token(token):
            raise _too_complex(self._state)
        self._written += self.written(token)


def _too_complex(state: LLMatcher) -> SchemaNotSupported:
    return SchemaNotSupported(
        f"the answer's grammar became too complex ({state.get_error()[:120]})",
        "Use a simpler schema or pattern.",
        "grammar",
    )
