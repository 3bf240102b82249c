"""How well a confidence tells right from wrong answers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Scored = tuple[float, bool]
"""A confidence from 0 to 1, and whether the answer was right."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence: how many, their mean confidence, the share right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What a `min_confidence` leaves."""

    threshold: float
    coverage: float  # the share of the questions that are still answered
    accuracy: float | None  # the share of those answers that is right; None where none is left


def accuracy(scored: Sequence[Scored]) -> float:
    """The share of right answers."""
    return sum(right for _, right in scored) / len(scored)


def auroc(scored: Sequence[Scored]) -> float | None:
    """The chance that a right answer has a higher confidence than a wrong one; ties count half.

    Area under the receiver operating characteristic, as the Mann-Whitney statistic. None where
    all answers are right, or all wrong.
    """
    right = np.array([confidence for confidence, ok in scored if ok])
    wrong = np.sort([confidence for confidence, ok in scored if not ok])
    if not len(right) or not len(wrong):
        return None
    below, up_to = (np.searchsorted(wrong, right, side) for side in ("left", "right"))
    return float((below + up_to).sum()) / (2 * len(right) * len(wrong))


def interval(
    measure: Callable[[Sequence[Scored]], float | None],
    items: Sequence[Sequence[Scored]],
    rounds: int = 500,
    seed: int = 0,
) -> tuple[float, float]:
    """The central 95 % of a measure over resampled items (bootstrap).

    Args:
        measure: None where a sample has no such figure, which then does not count.
        items: answers that belong together, such as the fields of one form, are drawn together.
    """
    rng = random.Random(seed)
    found: list[float] = []
    for _ in range(rounds):
        drawn = [scored for item in rng.choices(items, k=len(items)) for scored in item]
        value = measure(drawn)
        if value is not None:
            found.append(value)
    found.sort()
    return found[len(found) // 40], found[-1 - len(found) // 40]


def auroc_interval(scored: Sequence[Scored]) -> tuple[float, float]:
    """The central 95 % of the AUROC of single answers, which must be right and wrong ones."""
    return interval(auroc, [(each,) for each in scored])


def bins(scored: Sequence[Scored], count: int = 10) -> list[Bin]:
    """Answers in equal steps of confidence, lowest first, without empty steps."""
    steps: list[list[Scored]] = [[] for _ in range(count)]
    for confidence, right in scored:
        steps[min(count - 1, int(confidence * count))].append((confidence, right))
    return [
        Bin(len(step), sum(confidence for confidence, _ in step) / len(step), accuracy(step))
        for step in steps
        if step
    ]


def calibration_error(scored: Sequence[Scored], count: int = 10) -> float:
    """Expected calibration error: how far confidence and accuracy of a bin are apart, on average.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    gaps = (step.count * abs(step.confidence - step.accuracy) for step in bins(scored, count))
    return sum(gaps) / len(scored)


def keep(scored: Sequence[Scored], threshold: float) -> Kept:
    """The answers whose confidence is at least `threshold`."""
    kept = [pair for pair in scored if pair[0] >= threshold]
    return Kept(threshold, len(kept) / len(scored), accuracy(kept) if kept else None)


def log_loss(scored: Sequence[Scored], least: float = 1e-7) -> float:
    """Mean of -log of the probability that was given to what turned out, in nats."""
    given = (confidence if right else 1 - confidence for confidence, right in scored)
    return -sum(math.log(max(p, least)) for p in given) / len(scored)


def least_threshold(scored: Sequence[Scored], wished: float) -> Kept | None:
    """The smallest `min_confidence`, to six decimals, that leaves this share of right answers.

    None where no threshold does.
    """
    for threshold in sorted({math.floor(confidence * 1e6) / 1e6 for confidence, _ in scored}):
        kept = keep(scored, threshold)
        if kept.accuracy is not None and kept.accuracy >= wished:
            return kept
    return None


def least_share(right: int, count: int) -> float:
    """The lower end of the 95 % interval of a share of `count` > 0 answers (Wilson 1927)."""
    z, share = 1.96, right / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, (middle - spread) / (1 + z * z / count))
