"""What a reply said: its text, typed value, confidence and flags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import SchemaNotSupported
from ..types import FinishReason, Flag
from .protocol import Step

if TYPE_CHECKING:
    from ..constraints.fields import Piece
    from ..constraints.options import OptionTree
    from .matcher import Matcher


@dataclass(frozen=True, slots=True)
class Chosen:
    """The outcome of a closed choice.

    Attributes:
        option: index of the likeliest option.
        probabilities: of all options; they sum to 1.
    """

    option: int
    probabilities: tuple[float, ...]


@dataclass(slots=True)
class Spoken:
    """A generated reply."""

    steps: list[Step] = field(default_factory=list[Step])
    matcher: Matcher | None = None
    tree: OptionTree | None = None
    chosen: Chosen | None = None

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps)

    @property
    def finish_reason(self) -> FinishReason:
        return self.steps[-1].finish_reason or "stop"

    @property
    def is_cut(self) -> bool:
        """Whether an answer of a grammar ended before it was whole.

        Also where it could stand as it is: an integer that was cut after 12 may have been 1234.
        """
        matcher = self.matcher
        return bool(matcher and not matcher.may_end_anywhere and self.finish_reason != "stop")

    @property
    def confidence(self) -> float:
        """See `VisionResult.confidence`."""
        if self.chosen:
            return self.chosen.probabilities[self.chosen.option]
        if self.is_cut:
            return 0.0
        logprobs = [step.logprob for step in self.steps if not step.forced]
        if self.matcher and self.matcher.grammar.scalar:
            return math.exp(sum(logprobs))
        return math.exp(sum(logprobs) / max(len(logprobs), 1))

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Of each option, where there were options."""
        if not (self.tree and self.chosen):
            return None
        options = self.tree.choice.options
        return {text: p for (text, _), p in zip(options, self.chosen.probabilities, strict=True)}

    @property
    def field_confidence(self) -> dict[str, float] | None:
        """Of each value in a JSON document; of one without an end, of those that are whole."""
        matcher = self.matcher
        if matcher is None or not matcher.grammar.is_json or matcher.grammar.scalar:
            return None
        from ..constraints.fields import field_confidence

        try:
            text = matcher.completed_text() if self.is_cut else matcher.text
        except SchemaNotSupported:  # the search for an end was given up
            return None
        found = field_confidence(f" {text}", self._pieces(matcher))
        if self.is_cut and matcher.completion is None:
            return {pointer: share for pointer, share in found.items() if share}
        return found

    def _pieces(self, matcher: Matcher) -> list[Piece]:
        """What each token wrote; without a digit at the cut, as more of them may have come."""
        from ..constraints.fields import Piece

        sizes = [len(matcher.written(step.token_id)) for step in self.steps]
        if self.is_cut and matcher.ends_in_digit:
            sizes[-1] -= 1
        return [
            Piece(size, None if step.forced else step.logprob)
            for size, step in zip(sizes, self.steps, strict=True)
        ]

    @property
    def flags(self) -> list[Flag]:
        ends: dict[str, Flag] = {"length": "truncated", "repetition": "repetition"}
        flags: list[Flag] = [ends[self.finish_reason]] if self.finish_reason in ends else []
        if self.matcher and self.matcher.completion:
            flags.append("completed")
        return flags

    def value(self) -> Any:
        """The typed value; None for free text.

        Raises:
            ValueError: a rule of its type refuses it.
        """
        if self.tree and self.chosen:
            return self.tree.choice.options[self.chosen.option][1]
        matcher = self.matcher
        if matcher is None:
            return None
        return matcher.grammar.parse(self.text if matcher.may_end_anywhere else matcher.text)
