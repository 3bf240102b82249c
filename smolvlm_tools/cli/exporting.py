"""`smolvlm export`: ONNX files from safetensors, with a table of how exact they are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from ..checkpoint import open_checkpoint
from .console import note, print_json, stdout, working


def export_and_report(
    name: str, out: Path, precision: str, revision: str | None, offline: bool, as_json: bool
) -> None:
    """Export, check and print."""
    from ..export import ExportReport, export_checkpoint

    checkpoint = open_checkpoint(name, revision=revision, local_files_only=offline)
    checkpoint.fetch([file for file in checkpoint.files if "safetensors" in file])
    precisions = [part.strip() for part in precision.split(",") if part.strip()]
    with working("exporting"):
        report: ExportReport = export_checkpoint(
            checkpoint.folder, out, precisions, progress=note
        )
    for text in report.notes:
        note(f"note: {text}")
    if as_json:
        print_json({**asdict(report), "folder": str(out)})
        return
    table = Table("component", "precision", "mean error", "max error", title=f"{name} → {out}")
    for error in report.errors:
        table.add_row(
            error.component,
            error.precision,
            f"{error.mean_relative:.1e}",
            f"{error.max_relative:.1e}",
        )
    stdout.print(table)
    for key, same in report.same_greedy_tokens.items():
        stdout.print(f"{key}: {same} of {report.greedy_steps} greedy tokens as torch in fp32")
    for file in report.files:
        stdout.print(f"{file.size / 1e6:9.1f} MB  {file.name}", markup=False)
