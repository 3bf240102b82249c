"""Logits → one token."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits
from ..errors import ModelInvalid
from ..types import GenerationOptions


class Pick(NamedTuple):
    """A chosen token; the fields are those of `Step`."""

    token_id: int
    logprob: float
    forced: bool = False
    margin: float = math.inf


class Sampler:
    """Chooses tokens by temperature, top-k and top-p; greedy at temperature 0."""

    def __init__(self, options: GenerationOptions) -> None:
        self._options = options
        self._random = np.random.default_rng(options.seed)

    def pick(self, logits: Logits) -> tuple[int, float]:
        """Choose the next token.

        Args:
            logits: (vocab,) float32.

        Returns:
            The token id and its natural log-probability under the unmodified distribution.

        Raises:
            ModelInvalid: the logits are not finite.
        """
        shifted = logits - _checked_peak(logits)
        log_total = float(np.log(np.exp(shifted).sum(dtype=np.float64)))
        greedy = self._options.temperature == 0
        token = int(shifted.argmax()) if greedy else self._draw(shifted)
        return token, float(shifted[token]) - log_total

    def _draw(self, shifted: Logits) -> int:
        options = self._options
        tokens = _largest(shifted, options.top_k)
        weights = np.exp(shifted[tokens].astype(np.float64) / options.temperature)
        if options.top_p < 1:
            nucleus = _nucleus(weights, options.top_p)
            tokens, weights = tokens[nucleus], weights[nucleus]
        return int(self._random.choice(tokens, p=weights / weights.sum()))


def top_margin(logits: Logits) -> float:
    """By how much the largest of logits (vocab,) exceeds the second largest."""
    second, first = np.partition(logits, -2)[-2:]
    return float(first - second)


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Natural log-probabilities (vocab,).

    Raises:
        ModelInvalid: the logits are not finite.
    """
    shifted = logits.astype(np.float64) - _checked_peak(logits)
    return shifted - np.log(np.exp(shifted).sum())


def _checked_peak(logits: Logits) -> float:
    peak = float(logits.max())
    if not np.isfinite(peak):
        raise ModelInvalid(
            "the model produced logits that are not numbers",
            "The weights are damaged or overflow in this precision: try `precision='fp32'`.",
        )
    return peak


def _largest(values: Logits, count: int) -> NDArray[np.intp]:
    """Places of the `count` largest values, the earlier ones of equals; of all when 0."""
    if not 0 < count < len(values):
        return np.arange(len(values))
    least = np.partition(values, -count)[-count]
    places = np.flatnonzero(values >= least)
    return places[np.argsort(-values[places], kind="stable")[:count]]


def _nucleus(weights: NDArray[np.float64], share: float) -> NDArray[np.intp]:
    """Places of the fewest weights that together reach `share` of the sum, the largest first."""
    total = weights.sum()
    # All weights below this one together stay below 1 - share, so none of them is needed; to sort
    # the rest is quick.
    places = np.flatnonzero(weights >= (1 - share) * total / len(weights))
    places = places[np.argsort(-weights[places], kind="stable")]
    before = np.cumsum(weights[places]) - weights[places]
    return places[before < share * total]  # the first is always among them
