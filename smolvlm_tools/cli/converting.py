"""`smolvlm export` and `smolvlm quantize`: new weight files, and a report about them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from ..checkpoint import AdapterFiles, Checkpoint, find_adapter, open_checkpoint
from ..errors import BadOptions
from .console import Answers, note, reserve_stdout, working
from .weights import Weights

if TYPE_CHECKING:
    from ..export import ExportReport


def export_weights(
    weights: Weights, out: Path, precision: str, images: Path | None, as_json: bool
) -> None:
    """Export ONNX files, check them, and print how exact they are."""
    from ..export import export_checkpoint
    from ..export.reference import require_export_packages
    from ..export.static import require_static_packages

    precisions = _parse_precisions(precision)
    require_export_packages()  # before a download that would be for nothing
    if images is not None:
        require_static_packages()
    with reserve_stdout() as answers:
        checkpoint, adapter = _fetch(weights)
        with working("exporting"):
            report = export_checkpoint(
                checkpoint.folder,
                out,
                precisions,
                progress=note,
                adapter=adapter,
                replace=weights.replace,
                images=images,
            )
        for text in report.notes:
            note(f"note: {text}")
        if as_json:
            answers.json({**asdict(report), "folder": str(out)})
        else:
            _print_report(report, f"{weights.checkpoint} → {out}", answers)


def quantize_weights(weights: Weights, out: Path, precision: str, as_json: bool) -> None:
    """Quantize, write, and print how much smaller the weights are."""
    from ..backends.choose import check_names
    from ..backends.torch.backend import import_torch

    check_names("torch", precision)  # a typo must not cost a download
    import_torch()
    from ..export.quantized import quantize_checkpoint

    with reserve_stdout() as answers:
        checkpoint, adapter = _fetch(weights)
        with working("quantizing"):
            report = quantize_checkpoint(
                checkpoint,
                out,
                precision,
                adapter=adapter,
                progress=note,
                replace=weights.replace,
            )
        if as_json:
            answers.json({**asdict(report), "folder": str(out)})
            return
        answers.line(f"{weights.checkpoint} → {out}: {report.precision}")
        answers.line(f"{report.source_bytes / 1e6:9.1f} MB  weights before")
        answers.line(f"{report.bytes / 1e6:9.1f} MB  weights after")


def _fetch(weights: Weights) -> tuple[Checkpoint, AdapterFiles | None]:
    """The checkpoint with its safetensors on this machine, and the adapter to merge."""
    adapter = None
    if weights.adapter is not None:
        adapter = find_adapter(weights.adapter, local_files_only=weights.offline)
    checkpoint = open_checkpoint(
        weights.checkpoint, revision=weights.revision, local_files_only=weights.offline
    )
    checkpoint.fetch([file for file in checkpoint.files if "safetensors" in file])
    return checkpoint, adapter


def _parse_precisions(text: str) -> list[str]:
    """Read a comma list."""
    from ..export import PRECISIONS

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PRECISIONS]
    if unknown or not names:
        raise BadOptions(
            f"cannot export precision {', '.join(map(repr, unknown)) or repr(text)}",
            f"Use one or more of {', '.join(PRECISIONS)}, separated by commas.",
        )
    return names


def _print_report(report: ExportReport, title: str, answers: Answers) -> None:
    table = Table("component", "precision", "mean error", "max error", title=escape(title))
    for error in report.errors:
        errors = (f"{error.mean_relative:.1e}", f"{error.max_relative:.1e}")
        table.add_row(error.component, error.precision, *errors)
    answers.table(table)
    for precision, same in report.same_greedy_tokens.items():
        answers.line(f"{precision}: {same} of {report.greedy_steps} greedy tokens match torch's")
    for file in report.files:
        if "/" in file.name:  # the rest are the checkpoint's own small files
            answers.line(f"{file.size / 1e6:9.1f} MB  {file.name}")
