"""Logits → one token; knows options and random numbers, not models or text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .backends.base import Logits
from .errors import ModelInvalid
from .types import GenerationOptions


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
        peak = float(logits.max())
        if not np.isfinite(peak):
            raise ModelInvalid(
                "the model produced logits that are not numbers",
                "The weights are damaged or overflow in this precision: try precision='fp32'.",
            )
        shifted = logits - peak
        log_total = float(np.log(np.exp(shifted).sum(dtype=np.float64)))
        greedy = self._options.temperature == 0
        token = int(shifted.argmax()) if greedy else self._draw(shifted)
        return token, float(shifted[token]) - log_total

    def _draw(self, shifted: Logits) -> int:
        options = self._options
        order: NDArray[np.intp] = np.argsort(-shifted, kind="stable")
        if options.top_k:
            order = order[: options.top_k]
        weights = np.exp(shifted[order].astype(np.float64) / options.temperature)
        probabilities = weights / weights.sum()
        if options.top_p < 1:
            before = np.cumsum(probabilities) - probabilities
            keep = before < options.top_p  # the first is always kept
            order, probabilities = order[keep], probabilities[keep]
            probabilities /= probabilities.sum()
        return int(self._random.choice(order, p=probabilities))
