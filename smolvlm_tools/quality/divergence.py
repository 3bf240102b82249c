"""How far one model's next-token distributions are from another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Logits


@dataclass(frozen=True, slots=True)
class Divergence:
    """The difference of a model from a reference, at the same positions of the same text.

    Attributes:
        perplexity: exp of the mean negative log-likelihood of the text's next tokens.
        perplexity_rise: relative to the reference's; 0.01 is one per cent more.
        mean_kl, p95_kl, max_kl: KL(reference || model) over positions, in nats.
        same_top: share of positions where both find the same token likeliest.
        logit_error: |logits - reference| / |reference| over all positions, after each position's
            mean is subtracted: shifting all logits does not change a distribution.
    """

    positions: int
    perplexity: float
    reference_perplexity: float
    perplexity_rise: float
    mean_kl: float
    p95_kl: float
    max_kl: float
    same_top: float
    logit_error: float


class Comparison:
    """Compares position by position, so that no one has to keep both models' logits."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, bool, float, float]] = []
        self._off = self._size = 0.0

    def add(self, reference: Logits, model: Logits, next_id: int) -> bool:
        """Compare logits (vocab,) at a position whose true next token is `next_id`.

        Returns whether both find the same token likeliest.
        """
        p, q = _log_softmax(reference), _log_softmax(model)
        kl = max(0.0, float(np.sum(np.exp(p) * (p - q))))
        same = int(reference.argmax()) == int(model.argmax())
        self._rows.append((kl, same, float(q[next_id]), float(p[next_id])))
        wanted, found = p - p.mean(), q - q.mean()
        self._off += float(np.sum((found - wanted) ** 2))
        self._size += float(np.sum(wanted**2))
        return same

    def result(self) -> Divergence:
        """Sum up; at least one position must have been added."""
        kl, same, likelihoods, reference_likelihoods = zip(*self._rows, strict=True)
        found = float(np.exp(-np.mean(likelihoods)))
        reference = float(np.exp(-np.mean(reference_likelihoods)))
        return Divergence(
            positions=len(kl),
            perplexity=found,
            reference_perplexity=reference,
            perplexity_rise=found / reference - 1,
            mean_kl=float(np.mean(kl)),
            p95_kl=float(np.quantile(kl, 0.95)),
            max_kl=float(np.max(kl)),
            same_top=float(np.mean(same)),
            logit_error=float(np.sqrt(self._off / self._size)) if self._size else 0.0,
        )


def relative_error(reference: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """|found - reference| / |reference| over all values."""
    size = float(np.linalg.norm(reference))
    return float(np.linalg.norm(found - reference)) / size if size else 0.0


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())
