"""`smolvlm quality`: tables of what precisions cost, and an exit code that judges it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Column, Table

from .console import Answers, clean, note, reserve_stdout, working
from .quality_options import QualityOptions
from .tables import sideways

if TYPE_CHECKING:
    from ..quality import EngineQuality, QualityReport

PAST_BOUND = 5
"""Exit code when a bound is broken."""


def measure_and_judge(
    checkpoint: str,
    revision: str | None,
    offline: bool,
    precisions: Sequence[str],
    options: QualityOptions,
    as_json: bool,
) -> None:
    """Measure, print, and exit with `PAST_BOUND` if a bound is broken."""
    from ..checkpoint import open_checkpoint
    from ..quality import Bounds, measure_quality

    with reserve_stdout() as answers:
        opened = open_checkpoint(checkpoint, revision=revision, local_files_only=offline)
        with working("measuring"):
            report = measure_quality(
                opened,
                parse_precisions(precisions),
                backend=options.backend,
                device=options.device,
                reference=options.reference,
                tasks=options.tasks,
                parts=[part.strip() for part in options.parts.split(",")],
                positions=options.positions,
                bounds=Bounds(options.max_kl, options.max_perplexity_rise, options.max_task_loss),
                progress=note,
            )
        if as_json:
            answers.json(_as_object(report))
        else:
            _print_report(report, answers)
    if not report.within_bounds:
        raise typer.Exit(PAST_BOUND)


def parse_precisions(texts: Iterable[str]) -> list[str]:
    """Read --precision, given once or several times: a comma list, or one mixed precision."""
    found: list[str] = []
    for text in texts:
        names = [text] if "=" in text else text.split(",")
        found += [name.strip() for name in names if name.strip()]
    return list(dict.fromkeys(found))


def _as_object(report: QualityReport) -> dict[str, object]:
    """The report for JSON, with the verdicts."""
    engines = [{**asdict(engine), "within_bounds": not engine.broken} for engine in report.engines]
    return {**asdict(report), "engines": engines, "within_bounds": report.within_bounds}


def _print_report(report: QualityReport, answers: Answers) -> None:
    """The tables, and a line for each engine."""
    texts = map(_texts, report.engines)
    for table in (*texts, _components(report.engines), _tasks(report.engines)):
        if table.rows and len(table.columns) > 1:
            answers.table(table)
    if not all(text.judged for engine in report.engines for text in engine.texts):
        answers.prose("not judged: the reference itself does worse than guessing there")
    for engine in report.engines:
        broken = [
            f"{each.what} of {each.where} {each.found:.4f} > {each.bound:g}"
            for each in engine.broken
        ]
        verdict = "; ".join(broken) or "within all bounds"
        answers.prose(f"{clean(engine.name)} against {clean(engine.reference)}: {verdict}")


def _texts(engine: EngineQuality) -> Table:
    """A column for each text."""
    broken = {each.where for each in engine.broken}
    columns: list[list[str]] = []
    for text in engine.texts:
        found, same = text.divergence, ""
        if text.same_tokens is not None:
            same = f"{text.same_tokens:.1f} of {text.reply_tokens:.1f}"
        columns.append(
            [
                *(text.group, f"{found.positions}"),
                *(f"{found.perplexity:.3f}", f"{found.perplexity_rise:+.2%}"),
                *(f"{found.mean_kl:.5f}", f"{found.p95_kl:.4f}", f"{found.max_kl:.4f}"),
                *(f"{found.same_top:.1%}", same),
                _verdict(text.group in broken) if text.judged else "not judged",
            ]
        )
    figures = ("positions", "perplexity", "rise", "mean KL", "p95 KL", "max KL", "same top")
    title = (
        f"{engine.name}: next tokens, compared with the reference's; same tokens: of its replies, "
        "until they differ"
    )
    return sideways(title, (*figures, "same tokens", "bounds"), columns)


def _components(engines: Sequence[EngineQuality]) -> Table:
    numbers = ("own error", "logits", "mean KL", "same top")
    table = Table(
        *("engine", "component", *map(_number, numbers)),
        title="each component alone, the others being the reference's",
    )
    for engine in engines:
        for part in engine.components:
            table.add_row(
                *(escape(clean(engine.name)), part.component),
                "" if part.error is None else f"{part.error:.2%}",
                *(f"{part.logit_error:.2%}", f"{part.mean_kl:.5f}", f"{part.same_top:.1%}"),
            )
    return table


def _tasks(engines: Sequence[EngineQuality]) -> Table:
    numbers = ("samples", "metric", "score", "reference", "loss")
    table = Table(
        *("engine", "task", *map(_number, numbers), "bounds"),
        title="tasks; a higher cer (character error rate) is worse",
    )
    for engine in engines:
        broken = {each.where for each in engine.broken}
        for task in engine.tasks:
            table.add_row(
                *(escape(clean(engine.name)), task.task, f"{task.samples}", task.metric),
                *(f"{task.score:.3f}", f"{task.reference:.3f}", f"{task.loss:+.3f}"),
                _verdict(task.name in broken),
            )
    return table


def _number(head: str) -> Column:
    return Column(head, justify="right")


def _verdict(broken: bool) -> str:
    return "[red]past[/red]" if broken else "within"
