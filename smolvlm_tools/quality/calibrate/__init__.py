"""Confidence that means the share of right answers on a user's own images.

    >>> from pathlib import Path
    >>> from smolvlm_tools import SmolVLM
    >>> from smolvlm_tools.quality.calibrate import calibrate, read_labels
    >>> with SmolVLM.load("embedded") as vlm:
    ...     report = calibrate(vlm, read_labels(Path("my-images")))
    >>> report.calibration.save("calibration.json")

`labels` reads questions with their right answers, `right` says what counts as right, `asking` puts
them to a model, `fitting` and `content_free` find scales and priors, `report` holds the outcome,
`run` does all of it.
"""

from __future__ import annotations

from .labels import Question, check_apart, read_labels
from .report import CalibrationReport, KindReport, Threshold
from .run import Wish, calibrate, calibrate_unlabelled, check_count, requests

__all__ = [
    "CalibrationReport",
    "KindReport",
    "Question",
    "Threshold",
    "Wish",
    "calibrate",
    "calibrate_unlabelled",
    "check_apart",
    "check_count",
    "read_labels",
    "requests",
]
