"""How well a confidence tells right from wrong answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

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
    right = [confidence for confidence, ok in scored if ok]
    wrong = [confidence for confidence, ok in scored if not ok]
    if not right or not wrong:
        return None
    wins = sum((one > other) + 0.5 * (one == other) for one in right for other in wrong)
    return wins / (len(right) * len(wrong))


def auroc_interval(scored: Sequence[Scored], rounds: int = 500) -> tuple[float, float]:
    """The central 95 % of the AUROC over resampled answers (bootstrap, fixed seed).

    `scored` must have right and wrong answers.
    """
    rng = random.Random(0)
    drawn = (auroc(rng.choices(scored, k=len(scored))) for _ in range(rounds))
    found = sorted(value for value in drawn if value is not None)
    return found[len(found) // 40], found[-1 - len(found) // 40]


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
