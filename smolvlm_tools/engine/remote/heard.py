"""What a server said: text, typed value, confidence, flags. `decoding.verdict` judges it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...constraints.kinds import Choice, Grammar
from ...decoding.fields import Piece, field_confidence
from ...errors import RemoteFailed
from ...types import FinishReason, Flag
from .answers import RemoteAnswer, Taken, in_our_layout, take_answer
from .options import option_of, weigh
from .wire import Said


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that a grammar describes, in the terms of `decoding.verdict`."""

    grammar: Grammar
    text: str
    completion: bytes | None


@dataclass
class Heard:
    """A finished reply.

    Attributes:
        said: all the text that the server sent.
        clean: the same without white space around it and control characters, up to a stop text.
        tokens: all that the server tells log-probabilities of.
        written: those that wrote `said`; None where that is not clear.
        enforced: whether the server was asked to enforce the answer's schema and did not refuse.
        completes: whether a cut answer is to get an end.
    """

    said: str
    clean: str
    tokens: Sequence[Said]
    written: Sequence[Said] | None
    finish_reason: FinishReason
    answer: RemoteAnswer | None = None
    enforced: bool = False
    completes: bool = False

    @cached_property
    def _taken(self) -> Taken:
        if self.answer is None:
            return Taken(self.clean, 0, False, True)
        return take_answer(self.answer, self.clean if self.answer.is_lines else self.said)

    @property
    def is_cut(self) -> bool:
        """Whether a typed answer ended before it was whole."""
        if self.answer is None or self.answer.is_lines or self.finish_reason == "stop":
            return False
        return not (self._taken.as_json and self._taken.whole)

    @property
    def matcher(self) -> Document | None:
        """The answer and the grammar that describes it, if one does."""
        return self._document

    @cached_property
    def _document(self) -> Document | None:
        grammar = self._grammar
        if grammar is None:
            return None
        text = self._taken.text
        if not (self.is_cut and self.completes):
            return Document(grammar, text, None)
        from ...decoding.completion import shortest_completion

        text = in_our_layout(text) if grammar.is_json else text
        end = shortest_completion(grammar, f" {text}".encode())
        return Document(grammar, text + (end or b"").decode(), end)

    @property
    def text(self) -> str:
        """The answer's text; the option's own where it is a choice."""
        choice = self._choice
        if choice and not self.is_cut and self._option is not None:
            return choice.options[self._option][0]
        return self.matcher.text if self.matcher else self._taken.text

    @cached_property
    def weights(self) -> tuple[float, ...] | None:
        """Of all options of a choice, where the server tells enough."""
        choice = self._choice
        if choice is None or self.is_cut or not self._taken.as_json or not self._aligned:
            return None
        return weigh(choice, self.written or (), self._start)

    @property
    def probabilities(self) -> dict[str, float] | None:
        """See `VisionResult.probabilities`."""
        choice, weights = self._choice, self.weights
        if choice is None or weights is None or self._option is None:
            return None
        return {text: p for (text, _), p in zip(choice.options, weights, strict=True)}

    def value(self) -> Any:
        """The typed value; None for free text.

        Raises:
            ValueError: it is not of the type.
            RemoteFailed: it is a mean over probabilities that the server does not tell.
        """
        if self.answer is None:
            return None
        choice = self._choice
        if choice is not None:
            option = self._option
            if option is None:
                raise ValueError(f"{self._taken.text!r:.80} is none of the options")
            if choice.mean and self.weights is None:
                raise RemoteFailed(
                    "a rating is the mean of its levels by their probabilities, and the server "
                    "does not tell those",
                    "Ask a server that gives top_logprobs, or ask for a choice or an integer.",
                )
            return choice.value(option, self.weights or ())
        return _parse(self.matcher)

    @property
    def confidence(self) -> float:
        """See `VisionResult.confidence`; 0 where it is not known."""
        if not self.tokens or self.is_cut:
            return 0.0
        if self.weights is not None and self._option is not None:
            return self.weights[self._option]
        if self.answer is None or self.answer.is_lines:
            return _mean([token.logprob for token in self.tokens])
        if not self._aligned:
            return 0.0
        grammar = self._grammar
        if grammar is not None and grammar.is_json and not grammar.scalar:
            fields = self.field_confidence
            return _mean([math.log(max(share, 1e-300)) for share in (fields or {}).values()])
        end = self._start + len(self._written.encode())
        return math.exp(sum(self._logprobs(self._start, end)))

    @property
    def field_confidence(self) -> dict[str, float] | None:
        """See `VisionResult.field_confidence`; None where the server does not tell."""
        grammar = self._grammar
        if grammar is None or not grammar.is_json or grammar.scalar or not self._aligned:
            return None
        written = self._written.encode()
        try:
            found = field_confidence(written, self._pieces(), cut=self.is_cut)
        except (ValueError, IndexError):  # it is not JSON
            return None
        return {pointer: p for pointer, p in found.items() if p} if self.is_cut else found

    @property
    def flags(self) -> list[Flag]:
        """See `VisionResult.flags`."""
        ends: dict[str, Flag] = {"length": "truncated", "repetition": "repetition"}
        flags: list[Flag] = [ends[self.finish_reason]] if self.finish_reason in ends else []
        if self.matcher and self.matcher.completion:
            flags.append("completed")
        if not self.tokens or not (self._is_free or self._aligned):
            flags.append("no_logprobs")
        if self.answer and self.answer.schema is not None:
            kept = self._taken.whole or self.finish_reason != "stop"
            if not (self.enforced and self._taken.in_form and kept):
                flags.append("not_enforced")
        return flags

    @property
    def _is_free(self) -> bool:
        return self.answer is None or self.answer.is_lines

    @property
    def _choice(self) -> Choice | None:
        constraint = self.answer.constraint if self.answer else None
        return constraint if isinstance(constraint, Choice) else None

    @property
    def _grammar(self) -> Grammar | None:
        constraint = self.answer.constraint if self.answer else None
        return constraint if isinstance(constraint, Grammar) else None

    @cached_property
    def _option(self) -> int | None:
        """The option that was said, or the likeliest where that is known."""
        choice = self._choice
        said = option_of(choice, self._taken.text) if choice else None
        if said is None or self.weights is None:
            return said
        return self.weights.index(max(self.weights))

    @property
    def _aligned(self) -> bool:
        """Whether it is known which tokens wrote the text."""
        return bool(self.written)

    @property
    def _start(self) -> int:
        """Where the answer begins, in bytes."""
        return len(self.said[: self._taken.start].encode())

    @property
    def _written(self) -> str:
        """The answer as the server wrote it, to its end or the text's."""
        rest = self.said[self._taken.start :]
        if self.answer and self.answer.wrapped and self._taken.as_json and self._taken.whole:
            return rest.rstrip().removesuffix("```").rstrip().removesuffix("}").rstrip()
        return rest

    def _logprobs(self, start: int, end: int) -> list[float]:
        begin, found = 0, list[float]()
        for token in self.written or ():
            stop = begin + len(token.data)
            if stop > start and begin < end:
                found.append(token.logprob)
            begin = stop
        return found

    def _pieces(self) -> list[Piece]:
        """The tokens that write the answer."""
        begin, start, found = 0, self._start, list[Piece]()
        for token in self.written or ():
            stop = begin + len(token.data)
            if stop > start:
                found.append(Piece(stop - max(begin, start), token.logprob))
            begin = stop
        return found


def _parse(document: Document | None) -> Any:
    if document is None:
        return None
    grammar, text = document.grammar, document.text
    if grammar.terminal is not None and text and not _fits(grammar, text):
        raise ValueError(f"{text!r:.80} is not of the type {grammar.name}")
    try:
        return grammar.parse(text)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _fits(grammar: Grammar, text: str) -> bool:
    """Whether a text is one of the grammar's, which the local engine would have enforced."""
    from ...constraints.byte_matcher import byte_matcher

    matcher, data = byte_matcher(grammar.lark), list(f" {text}".encode())
    return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()


def _mean(logprobs: Sequence[float]) -> float:
    """Geometric mean of probabilities."""
    return math.exp(sum(logprobs) / max(len(logprobs), 1))
