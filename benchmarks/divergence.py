"""How far one model's next-token distributions are from another's; pure arithmetic on logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
"""Scores of the next token at each position, (positions, vocab)."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """Of one model against a reference, over the same text.

    Attributes:
        perplexity: exp of the mean negative log-likelihood of the text's next tokens.
        perplexity_rise: relative to the reference's; 0.01 is one per cent more.
        mean_kl, max_kl: KL(reference || model) over positions, in nats.
        same_top: share of positions where both think the same token the likeliest.
    """

    perplexity: float
    perplexity_rise: float
    mean_kl: float
    max_kl: float
    same_top: float


def compare(reference: Logits, model: Logits, next_ids: NDArray[np.int64]) -> Divergence:
    """Compare logits (positions, vocab) whose true next tokens are `next_ids` (positions,)."""
    kl = np.array([_kl(p, q) for p, q in zip(reference, model, strict=True)])
    found = perplexity(model, next_ids)
    return Divergence(
        perplexity=found,
        perplexity_rise=found / perplexity(reference, next_ids) - 1,
        mean_kl=float(kl.mean()),
        max_kl=float(kl.max()),
        same_top=float(np.mean(reference.argmax(axis=1) == model.argmax(axis=1))),
    )


def perplexity(logits: Logits, next_ids: NDArray[np.int64]) -> float:
    """exp(-mean log p(next)); logits (positions, vocab)."""
    likelihoods = [_log_softmax(row)[token] for row, token in zip(logits, next_ids, strict=True)]
    return float(np.exp(-np.mean(likelihoods)))


def _kl(p_logits: NDArray[np.float32], q_logits: NDArray[np.float32]) -> float:
    p, q = _log_softmax(p_logits), _log_softmax(q_logits)
    return float(np.sum(np.exp(p) * (p - q)))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())
