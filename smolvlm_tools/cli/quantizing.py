"""`smolvlm quantize`: a checkpoint with quantized weights, and how much smaller it is."""

from __future__ import annotations

from pathlib import Path

from .console import note, reserve_stdout, working


def quantize_and_report(
    name: str,
    out: Path,
    precision: str,
    adapter: str | None,
    revision: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Quantize, write and print."""
    from ..backends.choose import check_names
    from ..backends.torch.backend import import_torch
    from ..checkpoint import find_adapter, open_checkpoint

    check_names("torch", precision)  # a typo must not cost a download
    import_torch()
    from ..export.quantized import quantize_checkpoint

    with reserve_stdout() as answers:
        found = None if adapter is None else find_adapter(adapter, local_files_only=offline)
        checkpoint = open_checkpoint(name, revision=revision, local_files_only=offline)
        checkpoint.fetch([file for file in checkpoint.files if "safetensors" in file])
        with working("quantizing"):
            report = quantize_checkpoint(checkpoint, out, precision, adapter=found, progress=note)
        if as_json:
            answers.json(
                {
                    "folder": str(out),
                    "precision": report.precision,
                    "source_bytes": report.source_bytes,
                    "bytes": report.bytes,
                }
            )
            return
        answers.line(f"{name} → {out}: {report.precision}")
        answers.line(f"{report.source_bytes / 1e6:9.1f} MB  weights before")
        answers.line(f"{report.bytes / 1e6:9.1f} MB  weights after")
