"""What a calibration found, kind by kind."""

from __future__ import annotations

from ...decoding.calibration import Calibration, Figures
from ...decoding.scales import Kind, Scale
from ...types import Value


class Threshold(Value):
    """The smallest `min_confidence` whose answers are right as often as wished.

    Attributes:
        right: share of right answers among those it leaves.
        least_right: lower end of that share's 95 % interval (Wilson).
        answered: share of the questions that it leaves.
    """

    min_confidence: float
    right: float
    least_right: float
    answered: float


class KindReport(Value):
    """One kind of answer.

    Attributes:
        scale: None where the kind stays as it is; `reason` says why.
        measured_on: "out of fold", "held out", or "all answers" where nothing was fitted.
        before, after: of the model's own confidence, and of the calibrated one.
        threshold: for the calibrated confidence, or the model's own where there is no other; None
            where no threshold does.
    """

    kind: Kind
    answers: int
    scale: Scale | None = None
    reason: str = ""
    measured_on: str
    before: Figures
    after: Figures | None = None
    threshold: Threshold | None = None


class CalibrationReport(Value):
    """The calibration, and what it is worth.

    Attributes:
        wished: share of right answers for `KindReport.threshold`.
        unused: labelled or unlabelled questions that played no part.
    """

    calibration: Calibration
    wished: float
    kinds: tuple[KindReport, ...]
    unused: int = 0
