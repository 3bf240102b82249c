"""Every check that needs a GPU, in one table: memory, budgets, speed, exhaustion, precisions.

    python -m benchmarks.gpu_check ../shared/reference/SmolVLM-256M-Instruct
    python -m benchmarks.gpu_check CHECKPOINT --only memory,budget --device cuda:1 --json

Each measurement is a process of its own and a line of `benchmarks/.results/gpu-NAME.jsonl`, so that
an interrupted run goes on with `--resume`. Exit code 1 says that a check failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.checkpoints.files import RESULTS, ROOT, default_checkpoint
from benchmarks.command import exit_code
from benchmarks.gpu.runs import RUNS, Wanted, all_runs
from benchmarks.gpu.task import write_pictures
from benchmarks.gpu.verdicts import Check, judge
from benchmarks.machine import machine_facts
from benchmarks.speed.schedule import Job, Record
from smolvlm_tools.errors import BackendUnavailable, ModelNotFound

RUN_TIMEOUT_S = 1200
FAILED = 1
MARKS = {True: "pass", False: "FAIL", None: "-"}

Notice = Callable[[str], None]


def find_checkpoint(folder: Path, notice: Notice) -> Path:
    """A checkpoint folder as it is; of config files alone, one is built under `benchmarks/`.

    Raises:
        ModelNotFound: it is neither.
    """
    if any(folder.glob("*.safetensors")):
        return folder
    if not folder.is_dir():
        raise ModelNotFound(
            f"there is no folder {folder}", "Name a checkpoint, or a folder of config files."
        )
    return default_checkpoint(folder, "random", False, notice)


def check_device(device: str) -> dict[str, Any]:
    """What the device is.

    Raises:
        BackendUnavailable: torch or the device is missing.
    """
    import torch

    from smolvlm_tools.backends.torch.backend import pick_device

    name = pick_device(device)
    if not name.startswith("cuda"):
        raise BackendUnavailable(f"{device!r} is no CUDA device", "Use cuda, or cuda:N.")
    found = torch.cuda.get_device_properties(name)
    return {"gpu": found.name, "gpu_bytes": found.total_memory, "cuda": torch.version.cuda}


def run_all(
    wanted: Sequence[Wanted], folder: Path, device: str, record: Record, notice: Notice
) -> dict[Wanted, dict[str, Any]]:
    """What every run measured: from the record, or in a process of its own."""
    answers: dict[Wanted, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="smolvlm-gpu-") as name:
        write_pictures(Path(name))
        for each in wanted:
            job = Job(0, each.group, each.argument)
            answer = record.get(job)
            if answer is None:
                notice(f"{each.group}, {each.argument}")
                begun = time.perf_counter()
                answer = run_once(each, folder, Path(name), device)
                record.add(job, answer, time.perf_counter() - begun)
            answers[each] = answer
    return answers


def run_once(wanted: Wanted, folder: Path, images: Path, device: str) -> dict[str, Any]:
    """One run in a process of its own: what it measured, or `{"error": text}`."""
    command = [sys.executable, "-m", "benchmarks.gpu.worker", wanted.group, wanted.argument]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            [*command, str(folder), str(images), device],
            capture_output=True,
            text=True,
            env=environment,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took over {RUN_TIMEOUT_S} s"}
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"error": f"its process ended with code {done.returncode}: {last[0]}"}
    return answer


def show(checks: Sequence[Check], title: str, console: Console) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for heading in ("check", "wanted", "measured", ""):
        table.add_column(heading, overflow="fold")
    for check in checks:
        table.add_row(check.name, check.wanted, check.measured, MARKS[check.passed])
    console.print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_check",
        description="Run every check that needs a GPU on a full-size SmolVLM-256M checkpoint.",
        epilog=f"checks: {', '.join(RUNS)}",
    )
    parser.add_argument(
        "folder", type=Path, help="checkpoint, or folder of its config and tokenizer files"
    )
    parser.add_argument("--device", default="cuda:0", help="cuda or cuda:N")
    parser.add_argument(
        "--only",
        type=lambda text: tuple(part for part in text.split(",") if part),
        default=(),
        metavar="LIST",
        help="some of the checks, e.g. memory,budget",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit code whether every check passed."""
    options = _parse(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    wanted = all_runs(options.only)
    facts = check_device(options.device)

    def notice(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    folder = find_checkpoint(options.folder, notice)
    header = machine_facts() | facts | {"checkpoint": folder.name, "device": options.device}
    path = RESULTS / f"gpu-{folder.name}.jsonl"
    record = Record(path, header, resume=options.resume)
    checks = judge(run_all(wanted, folder, options.device, record, notice))
    if options.json:
        print(json.dumps({"machine": header, "checks": [asdict(check) for check in checks]}))
    else:
        title = f"{folder.name} on {facts['gpu']}, torch {header['packages'].get('torch')}"
        show(checks, title, Console(markup=False))
    return FAILED if any(check.passed is False for check in checks) else 0


if __name__ == "__main__":
    sys.exit(main())
