"""Fits the scale of one kind of answer, and measures it on answers it was not fitted on."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...decoding.calibration import Figures
from ...decoding.scales import CLOSEST, Scale, logit
from ..reliability import (
    Scored,
    accuracy,
    auroc,
    calibration_error,
    interval,
    log_loss,
)
from .asking import Answered, by_item

LEAST = 16
"""Fewest answers that a scale is fitted on."""

FOLDS = 5
_Vector = NDArray[np.float64]


class CannotFit(Exception):
    """Why a kind of answer stays as it is."""


def fit(answered: Sequence[Answered]) -> Scale:
    """The scale of answers of one kind.

    Of a yes/no question P(yes) is fitted to whether yes is right, of another choice the temperature
    to the right option (Guo et al. 2017), of all else the confidence to whether the answer is right
    (Platt 1999).

    Raises:
        CannotFit: there are too few answers, or they do not say which way.
    """
    said = [each for each in answered if each.confidence > 0]  # 0 marks what was not written
    if len(said) < LEAST:
        raise CannotFit(f"only {len(said)} answers, {LEAST} are needed")
    share = accuracy([each.raw for each in said])
    if share in (0.0, 1.0):
        raise CannotFit(f"all answers are {'right' if share else 'wrong'}")
    kind = said[0].kind
    if kind == "choice":
        return Scale(temperature=_temperature(said))
    if kind == "yes-no":
        yes = [each.options.index("yes") for each in said]
        p = [each.probabilities[at] for each, at in zip(said, yes, strict=True)]
        wanted = [each.wanted == at for each, at in zip(said, yes, strict=True)]
        if len(set(wanted)) == 1:
            raise CannotFit("the right answer is always the same")
        return platt(p, wanted)
    return platt([each.confidence for each in said], [each.right for each in said])


def platt(p: Sequence[float], right: Sequence[bool]) -> Scale:
    """Fit sigmoid(logit(p) / temperature + offset) to what was right, by Newton's method.

    Targets are drawn in by one answer of each sort, as Platt 1999 does, so that few or separable
    answers give no infinite scale.

    Raises:
        CannotFit: right answers are no surer than wrong ones.
    """
    ok = np.array(right)
    good, bad = int(ok.sum()), int((~ok).sum())
    target = np.where(ok, (good + 1) / (good + 2), 1 / (bad + 2))
    x = np.stack([[logit(each) for each in p], np.ones(len(ok))])
    found = np.array([1.0, 0.0])
    for _ in range(100):
        step = _newton_step(found, x, target)
        found = found + step
        if np.abs(step).max() < 1e-9:
            break
    slope, offset = map(float, found)
    if slope < 0.01:
        raise CannotFit("its right answers are not surer than its wrong ones")
    return Scale(temperature=max(0.01, 1 / slope), offset=min(max(offset, -50), 50))


def _newton_step(found: _Vector, x: _Vector, target: _Vector) -> _Vector:
    """One step towards the least log loss, halved until it lowers the loss."""
    q = _sigmoid(found @ x)
    gradient = x @ (q - target)
    curvature = (x * (q * (1 - q))) @ x.T + 1e-9 * np.eye(2)
    step = np.asarray(-np.linalg.solve(curvature, gradient), np.float64)
    before = _loss(found @ x, target)
    while _loss((found + step) @ x, target) > before and np.abs(step).max() > 1e-9:
        step = step / 2
    return step


def _sigmoid(scores: _Vector) -> _Vector:
    return 1 / (1 + np.exp(-np.clip(scores, -500, 500)))


def _loss(scores: _Vector, target: _Vector) -> float:
    return float((np.logaddexp(0, scores) - target * scores).sum())


def _temperature(answered: Sequence[Answered]) -> float:
    """The temperature at which the right options are likeliest; the loss is convex in 1 / T."""
    rows = [np.log(np.maximum(each.probabilities, CLOSEST)) for each in answered]
    wanted = [each.wanted for each in answered]
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        slope = 0.0
        for logs, at in zip(rows, wanted, strict=True):
            weights = np.exp(middle * (logs - logs.max()))
            slope += float(weights @ logs / weights.sum() - logs[at])
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 1 / low


def out_of_fold(answered: Sequence[Answered], seed: int) -> list[tuple[Answered, Scored]]:
    """Every answer by a scale that was fitted on the items of the other folds.

    Raises:
        CannotFit: one fold's others cannot be fitted.
    """
    rng = random.Random(seed)
    items = by_item(answered)
    rng.shuffle(items)
    items.sort(key=lambda item: all(each.right for each in item))  # wrong ones in every fold
    found: list[tuple[Answered, Scored]] = []
    for fold in range(FOLDS):
        rest = [each for at, item in enumerate(items) if at % FOLDS != fold for each in item]
        scale = _fit_most(rest)
        mine = [each for item in items[fold::FOLDS] for each in item]
        found += [(each, each.scaled(scale)) for each in mine]
    return sorted(found, key=lambda pair: pair[0].item)


def _fit_most(rest: Sequence[Answered]) -> Scale | None:
    """The scale of four folds; None, so that nothing changes, where those alone have none."""
    try:
        return fit(rest)
    except CannotFit:
        return None


def helps(pairs: Sequence[tuple[Answered, Scored]]) -> bool:
    """Whether the calibrated confidences predict what is right better, by log loss."""
    return log_loss([scored for _, scored in pairs]) < log_loss([each.raw for each, _ in pairs])


def figures(pairs: Sequence[tuple[Answered, Scored]], seed: int) -> Figures:
    """Of confidences, with intervals over resampled items."""
    items: dict[int, list[Scored]] = {}
    for each, scored in pairs:
        items.setdefault(each.item, []).append(scored)
    scored = [one for item in items.values() for one in item]
    separation = auroc(scored)
    groups = list(items.values())
    return Figures(
        right=accuracy(scored),
        auroc=separation,
        auroc_interval=None if separation is None else interval(auroc, groups, seed=seed),
        error=calibration_error(scored),
        error_interval=interval(calibration_error, groups, seed=seed),
    )
