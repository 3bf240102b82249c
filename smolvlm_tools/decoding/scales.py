"""What a calibration is made of: a scale for a kind of answer, a prior for a set of options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from ..types import Value

Kind: TypeAlias = Literal[
    "yes-no", "choice", "integer", "number", "date", "regex", "list", "text", "document", "field"
]
"""What an answer is; "document" is a JSON value and "field" one scalar inside it."""

KINDS: Mapping[str, Kind] = {
    **{"yes/no": "yes-no", "choice": "choice", "integer": "integer", "number": "number"},
    **{"date": "date", "regex": "regex", "lines": "list", "JSON": "document"},
}
"""By the names of constraints."""

CLOSEST = 1e-7
"""Probabilities are kept so far from 0 and 1; float32 cannot tell them apart beyond."""


def logit(p: float) -> float:
    """log(p / (1 - p)), of a p that is kept `CLOSEST` away from 0 and 1."""
    p = min(max(p, CLOSEST), 1 - CLOSEST)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), for any x."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


class Scale(Value):
    """logit(p) / temperature + offset (Platt 1999); rises with p, so that answers keep their order.

    Attributes:
        temperature: above 1 makes probabilities less extreme.
        offset: in logits; of yes/no questions, added to "yes".
    """

    temperature: Annotated[float, Field(ge=0.01, le=100, allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(ge=-50, le=50, allow_inf_nan=False)] = 0.0

    def scalar(self, p: float) -> float:
        """The calibrated probability; 0 stays 0, since it marks what the model did not write."""
        return 0.0 if p == 0 else sigmoid(logit(p) / self.temperature + self.offset)

    def options(self, options: Sequence[str], probabilities: Sequence[float]) -> tuple[float, ...]:
        """Calibrated probabilities of all options, which sum to 1."""
        offsets = [self.offset if text == "yes" else 0.0 for text in options]
        return weigh(probabilities, self.temperature, offsets)


class Prior(Value):
    """What the model answers to images that show nothing (Zhao et al. 2021).

    Attributes:
        options: all options of a question.
        logs: natural logarithms of their probabilities, averaged over the questions that have these
            options; subtracted from the options' own.
        questions: how many.
    """

    options: Annotated[tuple[str, ...], Field(min_length=2)]
    logs: tuple[Annotated[float, Field(ge=-50, le=0, allow_inf_nan=False)], ...]
    questions: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _check_lengths(self) -> Prior:
        if len(self.logs) != len(self.options) or len(set(self.options)) < len(self.options):
            raise ValueError("there must be one number for each option, and each option once")
        return self

    def correct(self, options: Sequence[str], probabilities: Sequence[float]) -> tuple[float, ...]:
        """Probabilities divided by the prior, summing to 1; `options` in any order."""
        logs = dict(zip(self.options, self.logs, strict=True))
        return weigh(probabilities, 1.0, [-logs[text] for text in options])


def weigh(
    probabilities: Sequence[float], temperature: float, offsets: Sequence[float]
) -> tuple[float, ...]:
    """softmax(log(probabilities) / temperature + offsets)."""
    scores = [
        math.log(max(p, CLOSEST)) / temperature + offset
        for p, offset in zip(probabilities, offsets, strict=True)
    ]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights)
    return tuple(weight / total for weight in weights)
