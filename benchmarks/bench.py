"""Measures this project's backends beside transformers and llama.cpp on one checkpoint.

    python -m benchmarks.bench                       # builds a 256M checkpoint if there is none
    python -m benchmarks.bench FOLDER --engines auto,transformers:bf16:sdpa --json

Every measurement is a fresh process; engines take turns, group by group and round by round, so that
a noisy minute hits all of them. Ctrl-C prints what there is; `--resume` goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.checkpoints.files import default_checkpoint, export_plain, require_checkpoint
from benchmarks.checkpoints.make import DECODERS
from benchmarks.command import comma_list, new_parser, notice, run_command
from benchmarks.limits import measure_floors
from benchmarks.machine import machine_facts
from benchmarks.paths import DEFAULT_CONFIG, RESULTS
from benchmarks.plotting import pyplot
from benchmarks.record import Record
from benchmarks.speed.engines import CARD, FULL_ENGINES, QUICK_ENGINES, check_engine, is_ours
from benchmarks.speed.plot import write_plot
from benchmarks.speed.report import as_json, markdown, print_report, write_markdown
from benchmarks.speed.rows import Column
from benchmarks.speed.schedule import FULL, QUICK, Job, Schedule, run_benchmark
from smolvlm_tools.errors import BadOptions


@dataclass(slots=True)
class Run:
    """What is known of a run so far."""

    folder: Path
    facts: dict[str, Any]
    floors: dict[str, float] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)


def _schedule(options: argparse.Namespace) -> Schedule:
    schedule = FULL if options.full else QUICK
    if options.rounds is None:
        return schedule
    if options.rounds < 1:
        raise BadOptions(f"--rounds {options.rounds} is too few", "Use 1 or more.")
    return replace(schedule, rounds=options.rounds)


def _engines(options: argparse.Namespace) -> tuple[str, ...]:
    if options.engines is None:
        return FULL_ENGINES if options.full else QUICK_ENGINES
    for name in options.engines:
        check_engine(name)
    if not options.engines:
        raise BadOptions("--engines names none", f"Known ones: {', '.join(FULL_ENGINES)}.")
    return options.engines


def _folder(options: argparse.Namespace, engines: Sequence[str]) -> Path:
    if options.checkpoint is not None:
        return require_checkpoint(options.checkpoint)
    onnx = any(map(is_ours, engines))
    folder = default_checkpoint(options.config, options.decoder, onnx, notice)
    if CARD in engines:
        export_plain(folder, notice)
    return folder


def _report(options: argparse.Namespace, run: Run) -> None:
    if options.json is not None:
        text = json.dumps(as_json(run.columns, run.facts, run.floors), indent=2)
        if options.json == "-":
            print(text)
        else:
            Path(options.json).write_text(text + "\n", encoding="utf-8")
    if options.json != "-":
        print_report(Console(), run.columns, run.facts, run.floors)
    if options.markdown is not None:
        write_markdown(options.markdown, markdown(run.columns, run.facts, run.floors))
    if options.plot is not None:
        write_plot(options.plot, run.columns, f"{run.folder.name}; {run.facts['cpu']}")


def _run(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    engines, schedule = _engines(options), _schedule(options)
    if options.plot is not None:
        pyplot()
    folder = _folder(options, engines)
    run = Run(folder, {**machine_facts(), "checkpoint": folder.name})
    header = {"engines": list(engines), "schedule": repr(schedule), "facts": run.facts}
    record = Record(RESULTS / "last.jsonl", Job, header, resume=options.resume)
    run.floors = measure_floors(folder)
    try:
        run_benchmark(folder, engines, schedule, notice, record, run.columns, started)
    except KeyboardInterrupt:
        _report(options, run)
        notice("interrupted; go on with the same command and --resume")
        return 130
    _report(options, run)
    return 0 if any(column.error is None for column in run.columns) else 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 4 also says that no engine ran."""
    parser = new_parser("bench", __doc__)
    parser.add_argument(
        "checkpoint",
        type=Path,
        nargs="?",
        help="folder in the hub's layout; default: a 256M one with random weights, built once",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="what the bars need, in 15 minutes (default)"
    )
    size.add_argument("--full", action="store_true", help="all engines, all rows; hours")
    parser.add_argument(
        "--engines",
        "--backends",
        type=comma_list,
        metavar="LIST",
        help=f"of: {', '.join(FULL_ENGINES)}",
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="config folder")
    parser.add_argument("--decoder", choices=DECODERS, default="random")
    parser.add_argument("--rounds", type=int, help="most processes per engine and group")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="all samples; on stdout without FILE"
    )
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write the report; between its marks where FILE has them",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the main figures")
    return run_command(parser, _run, arguments)


if __name__ == "__main__":
    sys.exit(main())
