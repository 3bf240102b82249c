"""`smolvlm ingest`: the run, its progress, its summary."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from ..errors import BadOptions
from .console import Answers, note, progress_bar, reserve_stdout
from .ingest_options import Options, WhereOptions
from .options import ModelChoice
from .process import BAD_INPUT

if TYPE_CHECKING:
    from ..ingest import Summary


def run_ingest(
    paths: list[str],
    out: str,
    choice: ModelChoice,
    options: Options,
    as_json: bool,
) -> None:
    """Ingest, and print what came of it.

    Raises:
        typer.Exit: a file or page could not be read.
    """
    choice.check()
    start, run = _ingest_where(options.where), options.run
    wish, reading = options.wish.wish(), run.reading()
    with reserve_stdout() as answers:
        with _resumable(), _shown(run.quiet, answers) as report:
            summary = start(
                list(_listed(paths)),
                out,
                model=choice.model,
                wish=wish,
                reading=reading,
                ledger=run.ledger,
                retry_errors=run.retry_errors,
                on_progress=report,
                load_options=choice.load_options,
            )
        if as_json:
            answers.json(summary.as_json())
        elif run.quiet:
            answers.line(json.dumps(summary.as_json()))
        else:
            answers.line(_told(summary, out))
    if summary.errors:
        faults = ", ".join(f"{count} {code}" for code, count in summary.faults.items())
        note(f"{faults}: the records say why; --retry-errors tries them again")
        raise typer.Exit(BAD_INPUT)


def _ingest_where(where: WhereOptions) -> Callable[..., Summary]:
    """`ingest` on this machine or on a cluster."""
    cluster = where.cluster()
    if cluster is None:
        from ..ingest import ingest

        return ingest
    from ..ingest.on_ray import ingest_on_ray

    return partial(ingest_on_ray, cluster=cluster)


def _listed(paths: list[str]) -> Iterator[str]:
    """The paths; those on standard input where - stands.

    Raises:
        BadOptions: - stands there twice.
    """
    if paths.count("-") > 1:
        raise BadOptions("- is given more than once", "Standard input holds one list.")
    for path in paths:
        if path == "-":
            for line in sys.stdin.buffer:
                if name := os.fsdecode(line).rstrip("\r\n"):
                    yield name
        else:
            yield path


@contextlib.contextmanager
def _resumable() -> Generator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        note("what is finished is kept; the same command goes on from there")
        raise


@contextlib.contextmanager
def _shown(quiet: int | None, answers: Answers) -> Generator[Callable[[Summary], None]]:
    """What a run reports to: a bar on a terminal, or a JSON line now and then."""
    if quiet is not None:
        lines = 0

        def print_line(summary: Summary) -> None:
            nonlocal lines
            if summary.pages // quiet > lines:
                lines = summary.pages // quiet
                answers.line(json.dumps(summary.as_json()))

        yield print_line
        return
    with progress_bar("ingesting") as show:
        yield lambda summary: show(summary.files, summary.total_files, _rates(summary))


def _rates(summary: Summary) -> str:
    """Pages and tokens a second, and what went wrong, for a line of progress."""
    seconds = max(summary.seconds, 1e-9)
    new = summary.pages - summary.known - summary.duplicates
    told = f"{summary.pages} pages, {new / seconds:.1f} pages/s"
    if summary.completion_tokens:
        told += f", {summary.completion_tokens / seconds:.0f} tokens/s"
    return told + (f", {summary.errors} errors" if summary.errors else "")


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _told(summary: Summary, out: str) -> str:
    files = "1 file" if summary.files == 1 else f"{summary.files} files"
    pages = "1 page" if summary.pages == 1 else f"{summary.pages} pages"
    parts = [f"{files}, {pages} in {summary.seconds:.1f} s"]
    counts = {
        "done before": summary.known,
        "duplicates": summary.duplicates,
        "blank": summary.blank,
        "from the text layer": summary.layer,
        "looked at": summary.model,
        "held back": summary.held_back,
        "errors": summary.errors,
    }
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    dropped = f", {summary.dropped} old ones dropped" if summary.dropped else ""
    return f"{'; '.join(parts)}\n{_records(summary.written)} written to {out}{dropped}"
