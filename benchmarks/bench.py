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
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.checkpoints.files import default_checkpoint, export_plain, require_checkpoint
from benchmarks.checkpoints.make import DECODERS
from benchmarks.command import Command, comma_list, notice
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


def _report(
    options: argparse.Namespace,
    columns: Sequence[Column],
    facts: dict[str, Any],
    floors: dict[str, float],
) -> None:
    whole = json.dumps(as_json(columns, facts, floors), indent=2)
    if options.json == "-":
        print(whole)
    else:
        print_report(Console(), columns, facts, floors)
        if options.json is not None:
            Path(options.json).write_text(whole + "\n", encoding="utf-8")
    if options.markdown is not None:
        write_markdown(options.markdown, markdown(columns, facts, floors))
    if options.plot is not None:
        write_plot(options.plot, columns, f"{facts['checkpoint']}; {facts['cpu']}")


def _run(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    engines, schedule = _engines(options), _schedule(options)
    if options.plot is not None:
        pyplot()
    folder = _folder(options, engines)
    facts = {**machine_facts(), "checkpoint": folder.name}
    header = {"engines": list(engines), "schedule": repr(schedule), "facts": facts}
    record = Record(RESULTS / "last.jsonl", Job, header, resume=options.resume)
    floors = measure_floors(folder)
    columns: list[Column] = []
    try:
        run_benchmark(folder, engines, schedule, notice, record, columns, started)
    except KeyboardInterrupt:
        _report(options, columns, facts, floors)
        notice("interrupted; go on with the same command and --resume")
        return 130
    _report(options, columns, facts, floors)
    return 0 if any(column.error is None for column in columns) else 4  # no engine ran


main = Command("bench", __doc__, _run)
main.add_argument(
    "checkpoint", type=Path, nargs="?", help="default: a 256M one with random weights, built once"
)
size = main.add_mutually_exclusive_group()
size.add_argument("--quick", action="store_true", help="what the bars need; 15 minutes (default)")
size.add_argument("--full", action="store_true", help="all engines, all rows; hours")
main.add_argument(
    "--engines", "--backends", type=comma_list, metavar="LIST", help=", ".join(FULL_ENGINES)
)
main.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="config folder")
main.add_argument("--decoder", choices=DECODERS, default="random")
main.add_argument("--rounds", type=int, help="most processes per engine and group")
main.add_argument("--resume", action="store_true", help="go on with the interrupted run")
main.add_argument(
    "--json", metavar="FILE", nargs="?", const="-", help="all samples; on stdout without FILE"
)
main.add_argument(
    "--markdown", type=Path, metavar="FILE", help="the report; between its marks if FILE has them"
)
main.add_argument("--plot", type=Path, metavar="PNG", help="draw the main figures")

if __name__ == "__main__":
    sys.exit(main())
