"""Runs every check that needs a GPU: memory, budgets, speed, exhaustion, precisions, parity.

    python -m benchmarks.gpu_check ../shared/reference/SmolVLM-256M-Instruct
    python -m benchmarks.gpu_check CHECKPOINT --only memory,budget --device cuda:1 --json

Each measurement is a process of its own and a line of `benchmarks/.results/gpu-NAME.jsonl`, so that
an interrupted run goes on with `--resume`. Exit code 1 says that a check failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.command import FAILED, Command, Notice, comma_list, notice
from benchmarks.gpu.runs import RUNS, Wanted, all_runs, run
from benchmarks.gpu.task import write_pictures
from benchmarks.gpu.verdicts import Check, judge
from benchmarks.machine import machine_facts
from benchmarks.paths import RESULTS
from benchmarks.process import Answer, measure_fresh
from benchmarks.record import Record, measure_all
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound

TIMEOUT_S = 1200
MARKS = {True: "pass", False: "FAIL", None: "-"}


def find_checkpoint(folder: Path, notice: Notice) -> Path:
    """`folder` where it is a checkpoint; for config files alone, one built under `benchmarks/`."""
    if any(folder.glob("*.safetensors")):
        return folder
    if not folder.is_dir():
        raise ModelNotFound(
            f"there is no folder {folder}", "Name a checkpoint, or a folder of config files."
        )
    return default_checkpoint(folder, "random", False, notice)


def check_device(device: str) -> dict[str, Any]:
    """Facts about the device."""
    import torch

    from smolvlm_tools.backends.torch.backend import pick_device

    name = pick_device(device)
    if not name.startswith("cuda"):
        raise BackendUnavailable(f"{device!r} is not a CUDA device", "Use cuda, or cuda:N.")
    found = torch.cuda.get_device_properties(name)
    return {"gpu": found.name, "gpu_bytes": found.total_memory, "cuda": torch.version.cuda}


def run_once(wanted: Wanted, folder: Path, images: Path, device: str) -> Answer:
    """One run in a fresh process: what it measured, or `{"error": text}`."""
    arguments = asdict(wanted) | {"folder": str(folder), "images": str(images), "device": device}
    return measure_fresh(run, arguments, TIMEOUT_S, {"TOKENIZERS_PARALLELISM": "false"})


def show(checks: Sequence[Check], title: str, console: Console) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for heading in ("check", "wanted", "measured", ""):
        table.add_column(heading, overflow="fold")
    for check in checks:
        table.add_row(check.name, check.wanted, check.measured, MARKS[check.passed])
    console.print(table)


def _run(options: argparse.Namespace) -> int:
    wanted = all_runs(options.only)
    facts = check_device(options.device)
    folder = find_checkpoint(options.folder, notice)
    header = machine_facts() | facts | {"checkpoint": folder.name, "device": options.device}
    path = RESULTS / f"gpu-{folder.name}.jsonl"
    record = Record(path, Wanted, header, resume=options.resume)
    with tempfile.TemporaryDirectory(prefix="smolvlm-gpu-") as images:
        pictures = Path(images)
        write_pictures(pictures)
        answers = measure_all(
            wanted, record, lambda each: run_once(each, folder, pictures, options.device), notice
        )
    checks = judge(answers)
    if options.json:
        print(json.dumps({"machine": header, "checks": [asdict(check) for check in checks]}))
    else:
        title = f"{folder.name} on {facts['gpu']}, torch {header['packages'].get('torch')}"
        show(checks, title, Console(markup=False))
    return FAILED if any(check.passed is False for check in checks) else 0


main = Command("gpu_check", __doc__, _run)
main.add_argument(
    "folder", type=Path, help="checkpoint, or folder of its config and tokenizer files"
)
main.add_argument("--device", default="cuda:0", help="cuda or cuda:N")
main.add_argument(
    "--only", type=comma_list, default=(), metavar="LIST", help=f"some of: {','.join(RUNS)}"
)
main.add_argument("--json", action="store_true", help="print JSON instead of a table")
main.add_argument("--resume", action="store_true", help="go on with an interrupted run")

if __name__ == "__main__":
    sys.exit(main())
