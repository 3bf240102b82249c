"""Holds one answer to its grammar: which token may come next, and how a cut answer ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits
from ..constraints.compiler import CompiledGrammar
from ..constraints.kinds import LINES
from ..errors import SchemaNotSupported
from .completion import shortest_completion
from .sampling import Pick, Sampler, log_softmax, top_margin

if TYPE_CHECKING:
    from llguidance import LLMatcher


class Matcher:
    """One answer in the making.

    Args:
        taken: tokens that the answer begins with.

    Attributes:
        completion: what was appended to a cut answer; None where none was asked for, or found.
    """

    def __init__(self, answer: CompiledGrammar, taken: Iterable[int] = ()) -> None:
        self.grammar = answer.grammar
        self.completion: bytes | None = None
        self._state, self._tokens = answer.start.deep_copy(), answer.tokens
        self._mask = np.zeros(-(-self._tokens.vocab_size // 32), np.uint32)
        self._written = bytearray()
        for token in taken:
            self._take(token)

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
        return self.data.decode().removeprefix(" ")

    @property
    def data(self) -> bytes:
        """The answer in UTF-8 with its leading space; a cut one may end inside a character."""
        return bytes(self._written) + (self.completion or b"")

    def pick(self, logits: Logits, sampler: Sampler, avoid: int | None = None) -> Pick:
        """Choose the next token among those the grammar allows, and take it.

        Args:
            avoid: a token not to choose.

        Raises:
            SchemaNotSupported: the grammar is too complex to go on with.
        """
        allowed = self._allowed(len(logits))
        scores = np.where(allowed, logits, np.float32(-np.inf))
        if avoid is None:
            token, logprob = sampler.pick(scores)
        else:
            shares = log_softmax(scores)
            scores[avoid] = -np.inf
            token = sampler.pick(scores)[0]
            logprob = float(shares[token])
        self._take(token)
        chosen, scores[token] = float(scores[token]), -np.inf
        forced = avoid is None and bool(np.count_nonzero(allowed) == 1)
        return Pick(token, logprob, forced, chosen - float(scores.max()))

    def margin(self, logits: Logits) -> float:
        """By how much the likeliest token's logit, of those allowed, exceeds the next one's."""
        return top_margin(np.where(self._allowed(len(logits)), logits, np.float32(-np.inf)))

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
        if self._state.is_accepting():
            self.completion = b""
        else:
            self.completion = shortest_completion(self.grammar, bytes(self._written))
        return self._tokens.tokenize_bytes(self.completion or b"")

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
