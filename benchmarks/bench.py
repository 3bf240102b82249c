"""Measures this project's backends beside transformers on one checkpoint, in one run.

    python -m benchmarks.bench                       # builds a 256M checkpoint if there is none
    python -m benchmarks.bench FOLDER --engines onnx:int8,transformers:bf16:sdpa --json

Every measurement is a fresh process; engines take turns, round by round, so that a noisy minute
hits all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.engines import FULL_ENGINES, QUICK_ENGINES, check_engine
from benchmarks.make_checkpoint import DECODERS, build_checkpoint, export_onnx
from benchmarks.prompts import write_images
from benchmarks.report import as_json, machine_facts, print_table
from benchmarks.rows import Column, Notice
from smolvlm_tools.backends.onnx_files import available_precisions
from smolvlm_tools.errors import BadOptions, ModelError, ModelNotFound, SmolVLMError

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "benchmarks" / ".checkpoints"
DEFAULT_CONFIG = ROOT.parent / "shared" / "reference" / "SmolVLM-256M-Instruct"
ONNX_PRECISIONS = ("fp32", "int8", "q4")
WORKER_TIMEOUT_S = 1200


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much is measured.

    Attributes:
        rounds: processes per engine.
        page_rounds: in how many of them the page is run.
        page_limit_s: a page expected to take longer is summed up from its parts.
        budget_s: a process that would end later, by how long that engine took before, is left
            out; each engine is measured once whatever it takes.
    """

    rounds: int
    page_rounds: int
    page_limit_s: float
    budget_s: float


QUICK = Schedule(rounds=3, page_rounds=1, page_limit_s=45, budget_s=780)
FULL = Schedule(rounds=5, page_rounds=5, page_limit_s=600, budget_s=float("inf"))


def run_benchmark(
    folder: Path,
    engines: Sequence[str],
    schedule: Schedule,
    notice: Notice,
    started: float | None = None,
) -> list[Column]:
    """Measure the engines in turn; one that cannot run is reported, not an error.

    Args:
        folder: a checkpoint in the hub's layout.
        engines: names, see `engines`.
        schedule: how much to measure.
        notice: takes one line of progress at a time.
        started: `time.perf_counter()` at which the budget began to run; now, when None.
    """
    start = time.perf_counter() if started is None else started
    columns = [Column(engine, {}) for engine in engines]
    took = dict.fromkeys(engines, 0.0)
    with tempfile.TemporaryDirectory(prefix="smolvlm-bench-") as name:
        images = Path(name)
        write_images(images)
        for number in range(schedule.rounds):
            limit = schedule.page_limit_s if number < schedule.page_rounds else 0
            # every other round backwards: nobody always follows the same neighbour
            for column in columns[:: 1 if number % 2 == 0 else -1]:
                began = time.perf_counter()
                if column.error is not None:
                    continue
                if number and began - start + took[column.engine] > schedule.budget_s:
                    notice(f"round {number + 1}: no time left for {column.engine}")
                    continue
                at = f"[{began - start:.0f} s]"
                notice(f"{at} round {number + 1} of {schedule.rounds}: {column.engine}")
                _measure_once(column, folder, images, limit)
                took[column.engine] = time.perf_counter() - began
    return columns


def _measure_once(column: Column, folder: Path, images: Path, page_limit: float) -> None:
    command = [sys.executable, "-m", "benchmarks.worker", column.engine, str(folder), str(images)]
    command += ["--page-limit", str(page_limit)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=WORKER_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        column.error = f"took over {WORKER_TIMEOUT_S} s"
        return
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        column.error = f"its process ended with code {done.returncode}: {last[0]}"
        return
    if "error" in answer:
        column.error = answer["error"]
    else:
        column.add(answer["samples"])


def default_checkpoint(config: Path, decoder: str, onnx: bool, notice: Notice) -> Path:
    """The checkpoint of `config` under `benchmarks/.checkpoints`, built where it is missing."""
    folder = CHECKPOINTS / (config.name if decoder == "random" else f"{config.name}-{decoder}")
    if not folder.exists():
        if not config.is_dir():
            raise ModelNotFound(
                f"there is no checkpoint at {folder} and no config folder {config} to build it of",
                "Name a checkpoint folder, or a folder of config files with --config.",
            )
        build_checkpoint(config, folder, decoder=decoder, notice=notice)
    files = [path.relative_to(folder).as_posix() for path in folder.glob("onnx/*")]
    missing = [name for name in ONNX_PRECISIONS if name not in available_precisions(files)]
    if onnx and missing:
        export_onnx(folder, missing, notice)
    return folder


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description="Measure this project's backends beside transformers.",
        epilog="example: python -m benchmarks.bench --engines onnx:int8,transformers:bf16:sdpa",
    )
    parser.add_argument(
        "checkpoint",
        type=Path,
        nargs="?",
        help="folder in the hub's layout; default: a 256M one with random weights, built once",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="3 rounds, the page once (default)")
    size.add_argument("--full", action="store_true", help="5 rounds, all engines, always the page")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--engines", "--backends", metavar="LIST", help=f"of: {', '.join(FULL_ENGINES)}"
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="config folder")
    parser.add_argument("--decoder", choices=DECODERS, default="random")
    parser.add_argument("--rounds", type=int, help="processes per engine")
    return parser.parse_args(arguments)


def _schedule(options: argparse.Namespace) -> Schedule:
    schedule = FULL if options.full else QUICK
    if options.rounds is None:
        return schedule
    if options.rounds < 1:
        raise BadOptions(f"--rounds {options.rounds} is too few", "Use 1 or more.")
    return Schedule(options.rounds, schedule.page_rounds, schedule.page_limit_s, schedule.budget_s)


def _engines(options: argparse.Namespace) -> tuple[str, ...]:
    if options.engines is None:
        return FULL_ENGINES if options.full else QUICK_ENGINES
    names = tuple(name for name in options.engines.split(",") if name)
    for name in names:
        check_engine(name)
    if not names:
        raise BadOptions("--engines names none", f"Known ones: {', '.join(FULL_ENGINES)}.")
    return names


def _run(options: argparse.Namespace) -> int:
    def notice(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    started = time.perf_counter()
    engines, schedule = _engines(options), _schedule(options)
    folder: Path | None = options.checkpoint
    if folder is None:
        onnx = any(name.startswith("onnx:") for name in engines)
        folder = default_checkpoint(options.config, options.decoder, onnx, notice)
    elif not (folder / "config.json").is_file():
        raise ModelNotFound(f"{folder} holds no checkpoint", "Name a folder in the hub's layout.")
    columns = run_benchmark(folder, engines, schedule, notice, started)
    facts = {**machine_facts(), "checkpoint": folder.name}
    if options.json:
        print(json.dumps(as_json(columns, facts), indent=2))
    else:
        print_table(Console(), columns, facts)
    return 0 if any(column.error is None for column in columns) else 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 ok, 2 options, 4 nothing ran, 130)."""
    options = _parse(arguments)
    try:
        return _run(options)
    except SmolVLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4 if isinstance(error, ModelError) else 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
