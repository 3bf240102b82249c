"""What a reply said: its text, typed value, confidence and flags."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..types import Calibrated, FinishReason, Flag
from .protocol import Step
from .scales import KINDS, Kind, Scale

if TYPE_CHECKING:
    from ..constraints.options import OptionTree
    from .calibration import Calibration
    from .matcher import Matcher

_CLOSE = math.log(10)
"""Least log-ratio of a chosen token's probability to the next one's that settles the choice."""


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
    """A generated reply.

    Attributes:
        discarded: tokens that were generated and taken back.
    """

    steps: list[Step] = field(default_factory=list[Step])
    matcher: Matcher | None = None
    tree: OptionTree | None = None
    chosen: Chosen | None = None
    discarded: int = 0
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
        found: list[Calibrated] = []
        if self._scale(self.kind) and self._decided and not self.is_cut:
            found.append("confidence")
        if self._scale("field") and self.field_confidence:
            found.append("field_confidence")
        return tuple(found)

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
        from .fields import Piece, field_confidence

        pieces = [
            Piece(len(matcher.written(step.token_id)), None if step.forced else step.logprob)
            for step in self.steps
        ]
        found = field_confidence(matcher.data, pieces, cut=self.is_cut)
        if self.is_cut and matcher.completion is None:
            found = {pointer: share for pointer, share in found.items() if share}
        scale = self._scale("field")
        if scale:  # what nobody said stays worth nothing
            found = {pointer: share and scale.scalar(share) for pointer, share in found.items()}
        return found

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
            return self.tree.choice.value(self.chosen.option, self.chosen.probabilities)
        matcher = self.matcher
        if matcher is None:
            return None
        return matcher.grammar.parse(self.text if matcher.may_end_anywhere else matcher.text)

    @property
    def is_rejected(self) -> bool:
        """Whether a whole answer breaks a rule of its type."""
        try:
            self.value()
        except ValueError:
            return not self.is_cut
        return False

    def close_choice(self) -> int | None:
        """The first step that chose a token of which another was not far, or else the closest."""
        margins = [math.inf if step.forced else step.margin for step in self.steps]
        close = [index for index, margin in enumerate(margins) if margin <= _CLOSE]
        if close:
            return close[0]
        least = min(margins)
        return None if math.isinf(least) else margins.index(least)

    def take_back(self, first: int) -> None:
        """Forget the steps from `first` on."""
        self.discarded += len(self.steps) - first
        del self.steps[first:]
