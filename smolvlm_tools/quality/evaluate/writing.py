"""Writes a report: `report.json`, `report.md`, `report.png`, and `worst.png`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import BadOptions
from ...machine.whole_file import write_whole
from ...unsafe import UNSAFE_ON_A_LINE
from .data import Data
from .drawing import draw_scores, draw_worst
from .report import Answered, EvaluationReport, Interval

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")
_LONGEST = 300
_FEW = 30


def write_report(report: EvaluationReport, folder: Path, data: Data | None = None) -> None:
    """Write the files of a report; each is replaced whole.

    Args:
        folder: it is made where there is none.
        data: what was asked about, for a contact sheet of the worst samples; None for none.

    Raises:
        BadOptions: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "report.json", report.model_dump_json(indent=1) + "\n")
        write_whole(folder / "report.md", as_markdown(report))
        draw_scores(report).save(folder / "report.png")
        if data is not None and report.worst:
            numbers = sorted(each.number for each in report.worst)
            samples = dict(zip(numbers, data.source.read(numbers), strict=True))
            draw_worst(report.worst, samples).save(folder / "worst.png")
    except OSError as error:
        raise BadOptions(
            f"{str(folder)!r} cannot be written ({error.strerror})", "Name another folder."
        ) from error


def as_markdown(report: EvaluationReport) -> str:
    """The report for people."""
    return "\n".join(_lines(report)) + "\n"


def with_interval(score: float, interval: Interval) -> str:
    """Such as "52.6 (49.4 to 55.8)"."""
    return f"{score:.1f} ({interval.low:.1f} to {interval.high:.1f})"


def told(report: EvaluationReport) -> Iterator[str]:
    """What a score alone does not say, in sentences."""
    if report.points != 100:
        yield (
            f"{report.score * report.points / 100:.0f} of {report.points} points, reckoned from "
            f"{report.samples} samples"
        )
    if report.samples < report.available:
        yield (
            f"{report.samples} of {report.available} samples, drawn with seed {report.seed}: the "
            "interval is of such a draw"
        )
    if report.samples < _FEW:
        yield (
            f"{report.samples} samples are few: resampling tells little of others, least where "
            "all scores are alike"
        )
    if report.left_out:
        yield f"{report.left_out} rows are no samples: without an image, or of another split"
    if report.errors:
        yield f"{report.errors} samples could not be asked about and count as 0"
    if report.published:
        same = "on the same file" if report.published.same_data else "on another file than this"
        yield (
            f"the model card says {report.published.score:g}, by {report.published.harness} {same}"
        )
    yield from report.differences


def _lines(report: EvaluationReport) -> Iterator[str]:
    yield f"# {_plain(report.task)}: {with_interval(report.score, report.interval)}"
    yield ""
    yield (
        f"Measure `{report.metric}`, of 100, with 95 % intervals (bootstrap). "
        f"{_plain(report.model)}, {report.backend} {report.precision}, resolution "
        f"{report.resolution}, at most {report.max_new_tokens} tokens. Data: "
        f"{_plain(report.data)}, digest `{report.data_digest}`."
    )
    yield ""
    yield from (f"- {_plain(sentence)}" for sentence in told(report))
    yield ""
    yield "| | samples | score |"
    yield "|---|---|---|"
    yield f"| all | {report.samples} | {with_interval(report.score, report.interval)} |"
    for each in report.categories:
        score = with_interval(each.score, each.interval)
        yield f"| {_plain(each.name) or '(none)'} | {each.samples} | {score} |"
    if report.worst:
        yield from ("", "## Lowest scores", "", "| sample | question | said | right | score |")
        yield "|---|---|---|---|---|"
        yield from map(_row, report.worst)


def _row(each: Answered) -> str:
    said = f"({each.error})" if each.reply is None else each.reply
    cells = (each.id, each.question, said, " / ".join(each.answers))
    return f"| {' | '.join(map(_plain, cells))} | {each.score:.2f} |"


def _plain(text: str) -> str:
    """Text on one line that Markdown takes as it is."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return _MARKUP.sub(r"\\\1", UNSAFE_ON_A_LINE.sub(" ", short)).strip()
