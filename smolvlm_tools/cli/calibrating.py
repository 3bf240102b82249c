"""`smolvlm calibrate`: reads labels, asks, fits, writes the file and prints what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from rich.table import Column, Table

from ..errors import BadOptions
from ..quality.calibrate import (
    CalibrationReport,
    KindReport,
    Wish,
    calibrate,
    calibrate_unlabelled,
    check_apart,
    check_count,
    read_labels,
    requests,
)
from .console import Answers, clean, note, progress, reserve_stdout
from .options import ModelChoice
from .tables import sideways


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and written."""

    labels: Path
    held_out: Path | None
    out: Path


def calibrate_files(
    files: Files, unlabelled: bool, choice: ModelChoice, wish: Wish
) -> CalibrationReport:
    """Read every label before the model is loaded, then ask, fit and write."""
    held_out, out = files.held_out, files.out
    if unlabelled and held_out:
        raise BadOptions("--unlabelled fits nothing that could be held out", "Leave one out.")
    if not out.absolute().parent.is_dir():
        raise BadOptions(f"the folder of {str(out)!r} does not exist", "Name another file.")
    choice.check()
    if choice.is_remote:
        raise BadOptions(
            "a server's confidences cannot be calibrated: it may change what runs behind its name",
            "Load the model with a local backend.",
        )
    questions = read_labels(files.labels, unlabelled=unlabelled)
    apart = read_labels(held_out) if held_out else []
    if not unlabelled:
        check_count(questions)
        check_apart(questions, apart)
    with choice.load() as vlm:
        with progress("asking", requests([*questions, *apart], unlabelled)) as tick:
            if unlabelled:
                report = calibrate_unlabelled(vlm, questions, wish, tick)
            else:
                report = calibrate(vlm, questions, apart, wish, tick)
    report.calibration.save(out)
    return report


def run_calibrate(
    files: Files, unlabelled: bool, choice: ModelChoice, wish: Wish, as_json: bool
) -> None:
    """Calibrate, and print tables or JSON."""
    with reserve_stdout() as answers:
        report = calibrate_files(files, unlabelled, choice, wish)
        if as_json:
            answers.json(report.model_dump(mode="json"))
        else:
            _print(report, answers)
    note(
        f"wrote {clean(str(files.out))}; use it with --calibration, or SmolVLM.load(calibration=…)"
    )


def _print(report: CalibrationReport, answers: Answers) -> None:
    if report.kinds:
        answers.table(_figures(report))
        answers.table(_thresholds(report))
    for each in report.kinds:
        if each.reason:
            answers.prose(f"{each.kind} stays as it is: {each.reason}")
    for prior in report.calibration.priors:
        logs = zip(prior.options, prior.logs, strict=True)
        shares = ", ".join(f"{clean(text)} {math.exp(p):.3f}" for text, p in logs)
        answers.prose(f"without content ({prior.questions} questions): {shares}")
    if not report.calibration.kinds and not report.calibration.priors:
        answers.prose("nothing was fitted: the file changes no confidence")
    if report.unused:
        answers.prose(f"{report.unused} questions have no options, and so no prior")


def _figures(report: CalibrationReport) -> Table:
    columns: list[list[str]] = []
    for each in report.kinds:
        scale = each.scale
        shown = (f"{scale.temperature:.2f}", f"{scale.offset:+.2f}") if scale else ("-", "-")
        after = each.after or each.before
        right = f"{each.before.right:.1%}"
        if after.right != each.before.right:
            right += f" → {after.right:.1%}"
        columns.append(
            [
                *(each.kind, f"{each.answers}", right, *shown),
                _with_interval(after.auroc, after.auroc_interval),
                _with_interval(each.before.error, each.before.error_interval),
                _with_interval(each.after.error, each.after.error_interval) if each.after else "-",
                each.measured_on,
            ]
        )
    figures = ("answers", "right", "temperature", "offset", "AUROC", "calibration error", "after")
    return sideways("what confidence is worth (95 %)", (*figures, "measured"), columns)


def _thresholds(report: CalibrationReport) -> Table:
    names = ("--min-confidence", "right", "at least", "answered")
    title = f"the smallest --min-confidence that is right in {report.wished:.0%} (at least: 95 %)"
    table = Table("kind", *map(_number, names), title=title)
    for each in report.kinds:
        table.add_row(each.kind, *_threshold(each))
    return table


def _threshold(report: KindReport) -> tuple[str, str, str, str]:
    found = report.threshold
    if found is None:
        return "none", "-", "-", "-"
    return (
        f"{found.min_confidence:g}",
        f"{found.right:.1%}",
        f"{found.least_right:.1%}",
        f"{found.answered:.0%}",
    )


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{value:.3f} ({interval[0]:.2f} to {interval[1]:.2f})"


def _number(name: str) -> Column:
    return Column(name, justify="right")
