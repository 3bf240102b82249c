"""`report.md`, `report.json` and the pictures beside them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from ...machine.full_disk import full_disk
from ..records import StepRecord
from .curve import draw_curve
from .picture import draw_samples
from .result import Answered, Report

_SHOWN = 12
"""Samples in the picture and the page; report.json has all."""

_CELL = 120


def write_curve(folder: Path, records: list[StepRecord], before: float | None = None) -> None:
    """Write loss.png.

    Args:
        before: held-out loss before the first step.

    Raises:
        StoreFull: the disk is full.
    """
    losses = [(float(record.step), record.loss) for record in records]
    held = [(float(r.step), r.held_out_loss) for r in records if r.held_out_loss is not None]
    if before is not None:
        held.insert(0, (0.0, before))
    curve = draw_curve(losses, held)
    with full_disk(folder / "loss.png"):
        curve.save(folder / "loss.png")


def write_report(folder: Path, report: Report) -> None:
    """Write report.md, report.json and samples.png.

    Raises:
        StoreFull: the disk is full.
    """
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    picture = draw_samples(shown(report.answers)) if report.answers else None
    with full_disk(folder):
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (folder / "report.md").write_text(markdown(report), encoding="utf-8")
        if picture is not None:
            picture.save(folder / "samples.png")


def shown(answers: tuple[Answered, ...]) -> list[Answered]:
    """Those that tell most: what was lost, gained, is wrong, and was right all along, in turn."""
    kinds = ("lost", "gained", "wrong", "right")
    groups = [[each for each in answers if each.change == kind] for kind in kinds]
    found: list[Answered] = []
    while len(found) < _SHOWN and any(groups):
        for group in groups:
            if group and len(found) < _SHOWN:
                found.append(group.pop(0))
    return sorted(found, key=lambda each: kinds.index(each.change))


def markdown(report: Report) -> str:
    """The page."""
    minutes = f"{report.seconds / 60:.1f} minutes"
    lines = [
        f"# Fine-tuning of {report.model}",
        "",
        f"{report.samples} samples of `{report.data}`, {report.steps} steps, {minutes}; "
        f"{report.held_out_samples} samples were held apart.",
        "",
        *_table(report),
        "",
        "![loss of every step and of the held-out samples](loss.png)",
        "",
    ]
    if report.notes:
        lines += ["## What to know", "", *(f"- {_cell(note)}" for note in report.notes), ""]
    if report.answers:
        lines += [*_samples(report), ""]
    settings = json.dumps(report.settings, indent=2, default=str)
    lines += ["## Settings", "", "```json", settings, "```", ""]
    return "\n".join(lines)


def _table(report: Report) -> list[str]:
    rows = ["| held-out | before | after |", "|---|---|---|"]
    if report.held_out_loss is not None:
        first, last = report.held_out_loss
        rows.append(f"| loss, nats a token (lower is better) | {first:.3f} | {last:.3f} |")
    if report.answers:
        before, after = report.before, report.after
        count = len(report.answers)
        rows += [
            f"| exactly right, of {count} answers | {before.exact:.3f} | {after.exact:.3f} |",
            f"| ANLS, of {count} answers | {before.anls:.3f} | {after.anls:.3f} |",
        ]
    if len(rows) == 2:
        return ["Nothing was held apart: what the run is worth was not measured."]
    return rows


def _samples(report: Report) -> list[str]:
    counts = Counter(each.change for each in report.answers)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("gained", "lost", "right", "wrong"))
    texts = [(e.place, e.question, e.expected, e.before, e.after) for e in shown(report.answers)]
    return [
        *("## Answers", "", f"{told}.", ""),
        *("![the answers beside their images](samples.png)", ""),
        *("| | asked | expected | before | after |", "|---|---|---|---|---|"),
        *(f"| {' | '.join(map(_cell, row))} |" for row in texts),
    ]


def _cell(text: str) -> str:
    """A text on one line of Markdown, shortened, with nothing in it that is Markdown's."""
    line = " ".join(text.split())
    line = line if len(line) <= _CELL else f"{line[:_CELL]}…"
    for mark in "\\`*_<>|[]":
        line = line.replace(mark, f"\\{mark}")
    return line or "(nothing)"
