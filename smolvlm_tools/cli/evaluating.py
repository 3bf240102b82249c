"""`smolvlm evaluate`: opens the data, asks, writes the report and prints it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from rich.markup import escape
from rich.table import Column, Table

from ..quality.evaluate import (
    Columns,
    Data,
    DataWish,
    EvaluationOptions,
    EvaluationReport,
    evaluate,
    open_data,
    write_report,
)
from ..quality.evaluate.writing import told, with_interval
from .console import Answers, clean, note, progress_bar, reserve_stdout
from .evaluate_options import SampleOptions
from .options import ModelChoice, parse_resolution


def run_evaluate(
    choice: ModelChoice, samples: SampleOptions, out: Path | None, as_json: bool
) -> None:
    """Evaluate, write the files and print the scores, as tables or JSON."""
    columns = Columns(samples.image_column, samples.question_column, samples.answer_column)
    wish = DataWish(samples.task, samples.data, samples.metric, columns, choice.offline)
    options = EvaluationOptions(
        limit=samples.limit,
        seed=samples.seed,
        concurrency=samples.concurrency,
        resolution=None if samples.resolution is None else parse_resolution(samples.resolution),
        max_new_tokens=samples.max_new_tokens,
    )
    with reserve_stdout() as answers:
        options.check()
        choice.check()
        data = _opened(wish)
        folder = out or Path(f"evaluation-{Path(data.task.name).stem}")
        with _resumable(), choice.load(batch_size=samples.concurrency) as vlm:
            with progress_bar("asking") as show:
                report = evaluate(
                    vlm,
                    data,
                    options,
                    out=folder,
                    tick=lambda done, total, errors: show(done, total, _errors(errors)),
                )
        write_report(report, folder, data)
        if as_json:
            answers.json(report.model_dump(mode="json"))
        else:
            _print(report, answers)
    note(f"wrote report.json, report.md and pictures to {clean(str(folder))}")


def _opened(wish: DataWish) -> Data:
    with progress_bar("fetching") as show:
        return open_data(wish, lambda done, total: show(done, total, ""))


@contextlib.contextmanager
def _resumable() -> Generator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        note("the answers so far are kept; the same command goes on from there")
        raise


def _errors(count: int) -> str:
    return f"{count} errors" if count else ""


def _print(report: EvaluationReport, answers: Answers) -> None:
    title = f"{report.task}, {report.metric}, of 100 (95 %)"
    number = [Column(name, justify="right") for name in ("samples", "score")]
    table = Table("", *number, title=escape(clean(title)))
    table.add_row("all", f"{report.samples}", with_interval(report.score, report.interval))
    for each in report.categories:
        name = escape(clean(each.name)) or "(none)"
        table.add_row(name, f"{each.samples}", with_interval(each.score, each.interval))
    answers.table(table)
    for sentence in told(report):
        answers.prose(clean(sentence))
    for each in report.failures:
        answers.prose(clean(f"sample {each.id}: {each.error}"))
