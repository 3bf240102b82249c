"""A constraint + a checkpoint's tokenizer → what the decode loop asks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tokenizers import Tokenizer

from ..errors import SchemaNotSupported
from ..machine.deep_stack import on_deep_stack
from ..machine.heap import trim_heap
from .kinds import Choice, Constraint, Grammar
from .options import OptionTree
from .schema.text import PLAIN_RUN

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

LIBRARY, PER_TOKEN = 16 << 20, 600
"""Bytes that llguidance and jsonschema-rs take, and a tree of tokens for each of the vocabulary."""

_KEPT = 64


@dataclass(frozen=True, slots=True)
class CompiledGrammar:
    """A grammar over one vocabulary; `start` is the state in which every answer begins."""

    grammar: Grammar
    start: LLMatcher
    tokens: LLTokenizer

    @property
    def least_tokens(self) -> int:
        """Tokens for which there has to be room: a cut answer is completed without the model."""
        return 1


Compiled: TypeAlias = CompiledGrammar | OptionTree


class ConstraintCompiler:
    """Compiles constraints for one checkpoint, whose logits have `vocabulary` entries.

    Safe between threads.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: int, end_ids: Collection[int]) -> None:
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self._end_ids = sorted(end_ids)
        self._tokens: LLTokenizer | None = None
        self._known: OrderedDict[str, LLMatcher] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes that grammars take once one has been compiled, about."""
        return 0 if self._tokens is None else LIBRARY + PER_TOKEN * self._vocabulary

    def compile(self, constraint: Constraint) -> Compiled:
        """Make a constraint ready for decoding.

        Raises:
            SchemaNotSupported: llguidance refuses the grammar.
            BadPrompt: the vocabulary cannot represent a choice.
        """
        if isinstance(constraint, Choice):
            return OptionTree.of(constraint, self._tokenizer)
        with self._lock:
            tokens = self._tokens = self._tokens or self._make_tokens()
            start = self._known.get(constraint.lark)
            if start is None:
                start = self._known[constraint.lark] = _start(constraint, tokens)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(constraint.lark)
        return CompiledGrammar(constraint, start, tokens)

    def _make_tokens(self) -> LLTokenizer:
        from llguidance import LLTokenizer

        tokens = LLTokenizer(
            self._tokenizer.to_str(),
            n_vocab=self._vocabulary,
            eos_token=self._end_ids,
            slices=[PLAIN_RUN],  # such tokens are allowed in a string all together
        )
        trim_heap()
        return tokens


def _start(grammar: Grammar, tokens: LLTokenizer) -> LLMatcher:
    from llguidance import LLMatcher

    start = on_deep_stack(lambda: LLMatcher(tokens, grammar.lark, log_level=0), grammar.lark)
    tried = start.deep_copy()
    possible = not start.is_error() and tried.consume_token(tokens.tokenize_str(" ")[0])
    if possible:
        tried.compute_bitmask()  # only now it is an error where nothing can follow the space
    if not possible or tried.is_error():
        reason = " ".join(start.get_error().split())[:200] or "it has no text"
        raise SchemaNotSupported(
            f"the {grammar.name} grammar cannot be enforced ({reason})",
            "Use a simpler schema or pattern.",
            grammar.name,
        )
    return start
