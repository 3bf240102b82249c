"""Labels and a model in, a calibration and what it is worth out."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from ...decoding.calibration import Calibration, Engine, FittedKind
from ...decoding.scales import Kind, Prior
from ...errors import BadOptions
from ...machine.amounts import check_number, check_whole
from ..reliability import Scored, least_share, least_threshold
from .asking import Answered, Tick, ask_all
from .content_free import IMAGES, closed, find_priors
from .fitting import LEAST, CannotFit, figures, fit, helps, out_of_fold
from .labels import Question
from .report import CalibrationReport, KindReport, Threshold

if TYPE_CHECKING:
    from ...engine.smolvlm import SmolVLM
    from ...types import Resolution, VisionResult

Pairs = list[tuple[Answered, Scored]]


@dataclass(frozen=True, slots=True)
class Wish:
    """How to calibrate.

    Attributes:
        right: share of right answers that `min_confidence` should reach.
        seed: of folds, resampling and noise.
        resolution: of the requests; None for the engine's own.
    """

    right: float = 0.95
    seed: int = 0
    resolution: Resolution | None = None

    def __post_init__(self) -> None:
        check_number("right", self.right, 0, 1)
        check_whole("seed", self.seed, 0)


def requests(questions: Sequence[Question], unlabelled: bool) -> int:
    """How many requests it takes to calibrate on these questions."""
    if not unlabelled:
        return len(questions)
    return sum(IMAGES + question.labelled for question in closed(questions))


def check_count(questions: Sequence[Question]) -> None:
    """Refuse too few labels.

    Raises:
        BadOptions: there are fewer than `LEAST`.
    """
    if len(questions) < LEAST:
        raise BadOptions(
            f"{len(questions)} labelled questions are too few to calibrate on",
            f"Label {LEAST} or more, better 100 of each kind. Or use `unlabelled=True`.",
        )


def calibrate(
    vlm: SmolVLM,
    questions: Sequence[Question],
    held_out: Sequence[Question] = (),
    wish: Wish | None = None,
    tick: Tick = lambda: None,
) -> CalibrationReport:
    """Fit a scale to every kind of answer.

    A scale is kept only where it predicts better, out of fold, what is right.

    Args:
        questions: labelled; see `read_labels`.
        held_out: others, on which the result is measured instead of out of fold.
        tick: called after every request.

    Raises:
        BadOptions: too few questions, or the model has a calibration.
        SmolVLMError: what the requests raise.
    """
    check_count(questions)
    wish = wish or Wish()
    asked = ask_all(vlm, questions, wish.resolution, tick)
    apart = ask_all(vlm, held_out, wish.resolution, tick).answered if held_out else []
    reports = [
        _calibrate_kind(kind, _of(kind, asked.answered), _of(kind, apart), wish)
        for kind in get_args(Kind)
        if _of(kind, asked.answered)
    ]
    made = _empty("labelled", asked.result)
    kinds = tuple(
        FittedKind.model_validate(
            report.model_dump(include=set(FittedKind.model_fields)), strict=False
        )
        for report in reports
        if report.scale
    )
    calibration = made.model_copy(update={"kinds": kinds})
    return CalibrationReport(calibration=calibration, wished=wish.right, kinds=tuple(reports))


def calibrate_unlabelled(
    vlm: SmolVLM,
    questions: Sequence[Question],
    wish: Wish | None = None,
    tick: Tick = lambda: None,
) -> CalibrationReport:
    """Find the priors of closed choices; measured where questions have their right answers.

    Raises:
        BadOptions: no question has options, or the model has a calibration.
        SmolVLMError: what the requests raise.
    """
    wish = wish or Wish()
    usable = closed(questions)
    if not usable:
        raise BadOptions(
            "no question has options whose prior could be found",
            'Give lines the kind "yes-no", or choices.',
        )
    found = find_priors(vlm, usable, wish.resolution, wish.seed, tick)
    made = _empty("content-free", found.result)
    labelled = [question for question in usable if question.labelled]
    answered = ask_all(vlm, labelled, wish.resolution, tick).answered if labelled else []
    reports: list[KindReport] = []
    for kind in get_args(Kind):
        if mine := _of(kind, answered):
            pairs = [(each, each.scaled(_prior_of(each, found.priors))) for each in mine]
            reports.append(_measured(kind, len(mine), pairs, wish, "all answers"))
    return CalibrationReport(
        calibration=made.model_copy(update={"priors": tuple(found.priors)}),
        wished=wish.right,
        kinds=tuple(reports),
        unused=len(questions) - len(usable),
    )


def _of(kind: Kind, answered: Sequence[Answered]) -> list[Answered]:
    return [each for each in answered if each.kind == kind]


def _prior_of(answered: Answered, priors: Sequence[Prior]) -> Prior:
    return next(each for each in priors if set(each.options) == set(answered.options))


def _calibrate_kind(
    kind: Kind, answered: Sequence[Answered], apart: Sequence[Answered], wish: Wish
) -> KindReport:
    """Fit one kind, keep the scale if it helps, and measure it."""
    reason, scale, pairs = "", None, [(each, each.raw) for each in answered]
    try:
        scale = fit(answered)
        folds = out_of_fold(answered, wish.seed)
        if helps(folds):
            pairs = folds
        else:
            reason, scale = "a scale does no better out of fold", None
    except CannotFit as error:
        reason = str(error)
    where = "out of fold" if scale else "all answers"
    if apart:
        where, pairs = "held out", [(each, each.scaled(scale)) for each in apart]
    report = _measured(kind, len(answered), pairs, wish, where)
    if scale is None:
        return report.model_copy(update={"reason": reason, "after": None})
    return report.model_copy(update={"scale": scale})


def _measured(kind: Kind, count: int, pairs: Pairs, wish: Wish, where: str) -> KindReport:
    scored = [one for _, one in pairs]
    kept = least_threshold(scored, wish.right)
    threshold = None
    if kept and kept.accuracy is not None:
        left = sum(confidence >= kept.threshold for confidence, _ in scored)
        threshold = Threshold(
            min_confidence=kept.threshold,
            right=kept.accuracy,
            least_right=least_share(round(kept.accuracy * left), left),
            answered=kept.coverage,
        )
    return KindReport(
        kind=kind,
        answers=count,
        measured_on=where,
        before=figures([(each, each.raw) for each, _ in pairs], wish.seed),
        after=figures(pairs, wish.seed),
        threshold=threshold,
    )


def _empty(method: str, result: VisionResult) -> Calibration:
    """A calibration without content, of the engine that gave the result."""
    from ... import __version__

    engine = {name: getattr(result, name) for name in Engine.model_fields}
    return Calibration.model_validate(
        {
            "method": method,
            "engine": engine,
            "package": __version__,
            "date": datetime.date.today().isoformat(),
        }
    )
