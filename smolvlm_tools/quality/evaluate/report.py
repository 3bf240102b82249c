"""What came of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...types import Resolution
from ...types.value import Value

ROUNDS = 2000


class Interval(Value):
    """The central 95 % of a score over resampled samples (bootstrap, percentiles)."""

    low: float
    high: float


class CategoryScore(Value):
    """The score of the samples of one category, of 100 or the task's points."""

    name: str
    samples: int
    score: float
    interval: Interval


class Published(Value):
    """What the model card says of this checkpoint.

    Attributes:
        score: 0 to 100.
        harness: what measured it.
        same_data: whether the data here is the harness's own file.
    """

    score: float
    harness: str
    same_data: bool


class Answered(Value):
    """One sample, its reply and what that is worth.

    Attributes:
        number: of the sample in the data, from 0.
        reply: what the model said; None where it could not be asked.
        score: 0 to 1.
        error: code and reason where it could not be asked, which scores 0.
    """

    number: int
    id: str
    question: str
    answers: tuple[str, ...]
    category: str
    reply: str | None
    score: float
    error: str | None = None


class EvaluationReport(Value):
    """Scores of one model on one set of samples.

    Attributes:
        task: name of the benchmark, or the file.
        data: what was read: its title, or the file's name.
        data_digest: of all its content.
        metric: name of the measure; see `metrics`.
        model, revision, backend, precision: what answered.
        resolution: how images were cut.
        max_new_tokens: longest reply.
        seed: of the choice of samples and of the intervals.
        samples: how many were asked about.
        available: how many the data has.
        left_out: rows of it that are no samples: no image, or another split.
        errors: samples that could not be asked about, such as broken images; they score 0.
        points: what a full score is called: 100, or 1000 for OCRBench.
        score: the mean over all samples, times 100.
        interval: of the score.
        categories: the same for each category, by name.
        published: what the model card says, where this is a checkpoint that it speaks of.
        differences: where this departs from the harness behind the card.
        worst: samples with the lowest scores, those without a reply first.
        failures: every sample that could not be asked about.
    """

    task: str
    data: str
    data_digest: str
    metric: str
    model: str
    revision: str | None
    backend: str
    precision: str
    resolution: Resolution
    max_new_tokens: int
    seed: int
    samples: int
    available: int
    left_out: int
    errors: int
    points: int
    score: float
    interval: Interval
    categories: tuple[CategoryScore, ...]
    published: Published | None
    differences: tuple[str, ...]
    worst: tuple[Answered, ...]
    failures: tuple[Answered, ...]


def bootstrap(scores: Sequence[float], seed: int = 0) -> Interval:
    """The central 95 % of the mean of scores over 2000 resamplings of them.

        >>> bootstrap([1.0, 1.0])
        Interval(low=1.0, high=1.0)

    Raises:
        ValueError: there are no scores.
    """
    values = np.asarray(scores, np.float64)
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(ROUNDS)]
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(low=float(low), high=float(high))


def score_of(answered: Sequence[Answered], seed: int) -> tuple[float, Interval]:
    """Mean and interval, of 100."""
    scores = [100 * each.score for each in answered]
    return sum(scores) / len(scores), bootstrap(scores, seed)


def categories_of(answered: Sequence[Answered], seed: int) -> tuple[CategoryScore, ...]:
    """The score of each category; nothing where there are none."""
    by_name: dict[str, list[Answered]] = {}
    for each in answered:
        by_name.setdefault(each.category, []).append(each)
    if set(by_name) <= {""}:
        return ()
    found: list[CategoryScore] = []
    for name, members in sorted(by_name.items()):
        score, interval = score_of(members, seed)
        found.append(CategoryScore(name=name, samples=len(members), score=score, interval=interval))
    return tuple(found)
