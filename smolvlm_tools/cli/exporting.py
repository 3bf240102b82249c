"""`smolvlm export`: ONNX files from safetensors, with a table of how exact they are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from ..errors import BadOptions
from .console import Answers, note, reserve_stdout, working

if TYPE_CHECKING:
    from ..export import ExportReport


def export_and_report(
    name: str,
    out: Path,
    precision: str,
    revision: str | None,
    offline: bool,
    as_json: bool,
    adapter: str | None = None,
) -> None:
    """Export, check and print."""
    from ..checkpoint import find_adapter, open_checkpoint
    from ..export import export_checkpoint
    from ..export.reference import require_export_packages

    precisions = parse_precisions(precision)
    require_export_packages()  # before a download that would be for nothing
    with reserve_stdout() as answers:
        found = None if adapter is None else find_adapter(adapter, local_files_only=offline)
        checkpoint = open_checkpoint(name, revision=revision, local_files_only=offline)
        checkpoint.fetch([file for file in checkpoint.files if "safetensors" in file])
        with working("exporting"):
            report = export_checkpoint(
                checkpoint.folder, out, precisions, progress=note, adapter=found
            )
        for text in report.notes:
            note(f"note: {text}")
        if as_json:
            answers.json({**asdict(report), "folder": str(out)})
        else:
            _print_report(report, name, out, answers)


def parse_precisions(text: str) -> list[str]:
    """Read a comma list.

    Raises:
        BadOptions: an unknown name, or none.
    """
    from ..export import PRECISIONS

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PRECISIONS]
    if unknown or not names:
        raise BadOptions(
            f"cannot export precision {', '.join(map(repr, unknown)) or repr(text)}",
            f"Use one or more of {', '.join(PRECISIONS)}, with commas between them.",
        )
    return names


def _print_report(report: ExportReport, name: str, out: Path, answers: Answers) -> None:
    table = Table(
        "component", "precision", "mean error", "max error", title=escape(f"{name} → {out}")
    )
    for error in report.errors:
        table.add_row(
            error.component,
            error.precision,
            f"{error.mean_relative:.1e}",
            f"{error.max_relative:.1e}",
        )
    answers.table(table)
    for precision, same in report.same_greedy_tokens.items():
        answers.line(f"{precision}: {same} of {report.greedy_steps} greedy tokens as torch's")
    for file in report.files:
        if "/" in file.name:  # the rest are the checkpoint's own small files
            answers.line(f"{file.size / 1e6:9.1f} MB  {file.name}")
