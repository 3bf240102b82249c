"""`smolvlm tune`: measures the backends on this machine."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from ..backends.choose import rank_backends
from ..backends.tuning.speeds import PAGE_STEPS, PAGE_TILES, PAGE_TOKENS, PROMPT, Tuning
from ..backends.tuning.tune import tune_model
from ..checkpoint import open_checkpoint
from ..machine.amounts import format_bytes
from .console import Answers, clean, progress_bar, reserve_stdout
from .process import NO_MODEL


def print_tuning(
    model: str,
    threads: int | None,
    rounds: int,
    revision: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Measure, and print what was found, the quickest first.

    Raises:
        typer.Exit: with 4, if nothing could be measured.
    """
    with reserve_stdout() as answers:
        with progress_bar("measuring") as show:
            tuning = tune_model(
                model,
                threads=threads,
                rounds=rounds,
                revision=revision,
                local_files_only=offline,
                tell=lambda done, total, words: show(done, total, words),
            )
        if as_json:
            speeds = [
                {**speed.model_dump(), "page_seconds": speed.page_seconds}
                for speed in tuning.speeds
            ]
            answers.json({**tuning.model_dump(mode="json"), "speeds": speeds})
        else:
            checkpoint = open_checkpoint(model, revision=revision, local_files_only=offline)
            _print(tuning, rank_backends(checkpoint, "auto", "cpu", threads)[0], answers)
    if not tuning.speeds:
        raise typer.Exit(NO_MODEL)


def _print(tuning: Tuning, chosen: str, answers: Answers) -> None:
    table = Table(
        "backend", "precision", "tile", "prefill\ntok/s", "decode\ntok/s", "page", "memory"
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for speed in tuning.speeds:
        table.add_row(
            speed.backend + (" *" if speed.is_auto and speed.backend == chosen else ""),
            escape(speed.precision),
            f"{speed.tile_seconds * 1e3:,.0f} ms",
            f"{PROMPT / speed.prefill_seconds:,.0f}",
            f"{1 / speed.step_seconds:,.0f}",
            f"{speed.page_seconds:.1f} s",
            format_bytes(speed.peak_bytes),
        )
    answers.table(table)
    for name, reason in tuning.failures.items():
        answers.prose(clean(f"{name}: not measured, {reason}"))
    place = tuning.place
    answers.prose(f"On {place.cpu}, {place.threads} threads.")
    answers.prose(
        f"A page: {PAGE_TILES} tiles, {PAGE_TOKENS} tokens read, {PAGE_STEPS} said; a sum of parts."
    )
    answers.prose(f'* What "auto" takes from now on: {chosen}.')
