"""What `smolvlm calibrate` makes of the confidence, on pictures it was not fitted on."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.answers.labels import write_labels
from benchmarks.answers.samples import DEVELOPMENT_SEED
from benchmarks.command import FAILED, notice
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM
from smolvlm_tools.decoding.calibration import Figures
from smolvlm_tools.quality.calibrate import (
    CalibrationReport,
    KindReport,
    calibrate,
    calibrate_unlabelled,
    read_labels,
)

BAD_ERROR, WISHED = 0.05, 0.5
"""A calibration error above the first has to fall to this share of it."""


def run_calibrated(vlm: SmolVLM, options: argparse.Namespace) -> int:
    """Fit on the development pictures, measure on those of `options.seed`, print both methods."""
    sizes = options.count, options.forms
    with tempfile.TemporaryDirectory() as folder:
        fitted = read_labels(write_labels(Path(folder, "fit"), *sizes, DEVELOPMENT_SEED))
        held_out = read_labels(write_labels(Path(folder, "held-out"), *sizes, options.seed))
        labelled = calibrate(vlm, fitted, held_out)
        priors = calibrate_unlabelled(vlm, held_out)
    print(f"{vlm!r}, seeds {DEVELOPMENT_SEED} to fit, {options.seed} to measure\n")
    print(report_table(labelled), end="\n\n")
    print(report_table(priors))
    missed = shortfalls(labelled)
    for line in missed:
        notice(f"missed: {line}")
    return FAILED if missed else 0


def report_table(report: CalibrationReport) -> str:
    """One row a kind, as Markdown."""
    head = ["kind", "fitted on", "right", "temperature", "offset", "AUROC"]
    head += ["calibration error (95 %)", "calibrated"]
    return markdown_table(head, [_row(each) for each in report.kinds])


def _row(report: KindReport) -> list[object]:
    scale, before, after = report.scale, report.before, report.after or report.before
    shown = [f"{scale.temperature:.2f}", f"{scale.offset:+.2f}"] if scale else ["-", "-"]
    right = " → ".join(dict.fromkeys(f"{each.right:.1%}" for each in (before, after)))
    separation = [each.auroc for each in (before, after)]
    auroc = " → ".join(dict.fromkeys("-" if a is None else f"{a:.3f}" for a in separation))
    last = _error(after) if report.after else f"as it is: {report.reason}"
    return [report.kind, report.answers, right, *shown, auroc, _error(before), last]


def _error(figures: Figures) -> str:
    low, high = figures.error_interval
    return f"{figures.error:.3f} ({low:.2f} to {high:.2f})"


def shortfalls(report: CalibrationReport) -> list[str]:
    """Kinds whose calibration error was bad and did not fall by half, in words."""
    found: list[str] = []
    for each in report.kinds:
        before, after = each.before.error, (each.after or each.before).error
        if before > BAD_ERROR and after > WISHED * before:
            found.append(f"{each.kind}: calibration error {before:.3f} became {after:.3f}")
    return found
