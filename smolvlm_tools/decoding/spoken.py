"""What a reply said → its text, typed value, confidence and flags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..prompt.request import Request
from ..types import Flag
from .protocol import Step

if TYPE_CHECKING:
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
    def confidence(self) -> float:
        """See `VisionResult.confidence`."""
        if self.chosen:
            return self.chosen.probabilities[self.chosen.option]
        logprobs = [step.logprob for step in self.steps if not step.forced]
        if self.matcher and self._has_unsaid_values(self.matcher):
            return 0.0
        if self.matcher and self.matcher.grammar.scalar:
            return math.exp(sum(logprobs))
        return math.exp(sum(logprobs) / max(len(logprobs), 1))

    def _has_unsaid_values(self, matcher: Matcher) -> bool:
        """Whether the completion of a cut answer wrote a value, or a part of one."""
        if not matcher.completion:
            return False
        return matcher.grammar.scalar or 0.0 in (self.field_confidence or {}).values()

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Of each option, where there were options."""
        if not (self.tree and self.chosen):
            return None
        options = self.tree.choice.options
        return {text: p for (text, _), p in zip(options, self.chosen.probabilities, strict=True)}

    @property
    def field_confidence(self) -> dict[str, float] | None:
        """Of each value in a JSON document."""
        matcher = self.matcher
        if matcher is None or not matcher.grammar.is_json or matcher.grammar.scalar:
            return None
        from ..constraints.fields import Piece, field_confidence

        pieces = [
            Piece(len(matcher.written(step.token_id)), None if step.forced else step.logprob)
            for step in self.steps
        ]
        return field_confidence(f" {matcher.text}", pieces)

    @property
    def flags(self) -> list[Flag]:
        ends: dict[str | None, Flag] = {"length": "truncated", "repetition": "repetition"}
        reason = self.steps[-1].finish_reason
        return [ends[reason]] if reason in ends else []

    def value(self) -> Any:
        """The typed value; None for free text.

        Raises:
            ValueError: a pydantic model's own validators refuse it.
        """
        if self.tree and self.chosen:
            return self.tree.choice.value(self.chosen.option, self.chosen.probabilities)
        return self.matcher.grammar.parse(self.matcher.text) if self.matcher else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A value, unless it is held back.

    Attributes:
        flags: why, where the confidence is not the reason.
    """

    value: Any
    abstained: bool
    flags: Sequence[Flag] = ()


def judge(request: Request, spoken: Spoken) -> Verdict:
    """Decide what of a reply is handed out as its value."""
    try:
        value = spoken.text if request.text_value else spoken.value()
    except ValueError:
        return Verdict(None, True, ("rejected",))
    least = request.min_confidence
    if least is not None and spoken.confidence < least:
        return Verdict(None, True)
    return Verdict(value, False)
