"""What a reply said → its text, typed value, confidence and flags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..prompt.request import Request
from ..types import Calibrated, Flag
from .protocol import Step
from .scales import KINDS, Kind, Scale

if TYPE_CHECKING:
    from ..constraints.options import OptionTree
    from .calibration import Calibration
    from .matcher import Matcher


@dataclass(frozen=True, slots=True)
class Chosen:
    """The outcome of a closed choice.

    Attributes:
        option: index of the likeliest option.
        probabilities: of all options; they sum to 1.
        calibrated: whether a calibration made them.
    """

    option: int
    probabilities: tuple[float, ...]
    calibrated: bool = False


@dataclass(slots=True)
class Spoken:
    """A generated reply."""

    steps: list[Step] = field(default_factory=list[Step])
    matcher: Matcher | None = None
    tree: OptionTree | None = None
    chosen: Chosen | None = None
    calibration: Calibration | None = None

    def choose(self, tree: OptionTree, weighed: Chosen) -> Chosen:
        """Take in the options' probabilities, calibrated, and say which one it is then."""
        self.tree, self.chosen = tree, weighed
        if self.calibration:
            texts = [text for text, _ in tree.choice.options]
            found = self.calibration.choice(self.kind, texts, weighed.probabilities)
            if found:
                self.chosen = Chosen(found.index(max(found)), found, calibrated=True)
        return self.chosen

    @property
    def kind(self) -> Kind | None:
        """What kind of answer it is; None for one that is never calibrated."""
        if self.tree:
            return KINDS.get(self.tree.choice.name)
        return KINDS.get(self.matcher.grammar.name) if self.matcher else "text"

    @property
    def calibrated(self) -> tuple[Calibrated, ...]:
        """See `VisionResult.calibrated`."""
        if self.chosen:
            return ("confidence",) if self.chosen.calibrated else ()
        found: list[Calibrated] = ["confidence"] if self._scale(self.kind) and self._decided else []
        if self._scale("field") and self.field_confidence:
            found.append("field_confidence")
        return tuple(found)

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps)

    @property
    def confidence(self) -> float:
        """See `VisionResult.confidence`."""
        if self.chosen:
            return self.chosen.probabilities[self.chosen.option]
        scale = self._scale(self.kind) if self._decided else None
        return scale.scalar(self._raw_confidence) if scale else self._raw_confidence

    def _scale(self, kind: Kind | None) -> Scale | None:
        return self.calibration.scale(kind) if self.calibration else None

    @property
    def _decided(self) -> bool:
        """Whether the model had a choice anywhere."""
        return not all(step.forced for step in self.steps)

    @property
    def _raw_confidence(self) -> float:
        """The confidence of an answer that is not a closed choice, as it was computed."""
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
        found = field_confidence(f" {matcher.text}", pieces)
        scale = self._scale("field")
        return {name: scale.scalar(p) for name, p in found.items()} if scale else found

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
            return self.tree.choice.options[self.chosen.option][1]
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
