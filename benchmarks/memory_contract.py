"""Compares predicted with measured memory for many models, precisions and images.

    python -m benchmarks.memory_contract
    python -m benchmarks.memory_contract --only 256m-onnx --out rows.jsonl
    python -m benchmarks.memory_contract --from rows.jsonl --markdown

Every row is a process of its own that plans, loads and answers. Predicted and measured are the
highest resident memory of that whole process, from its start to the reply's end. A row holds when
measured <= predicted <= 1.25 x measured and the peak is not above the budget that was accepted.
Rows are kept as they come (`--out`), so an interrupted run goes on where it stopped. Exit code 1
says that a row does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.command import FAILED, Command, notice
from benchmarks.memory.measure import answer_row
from benchmarks.memory.rows import ROWS, SIZES, Row
from benchmarks.memory.table import Result, as_markdown, as_table
from benchmarks.paths import CHECKPOINTS, RESULTS
from benchmarks.process import Answer, measure_fresh
from benchmarks.prompts import write_images
from benchmarks.record import Record, measure_all
from smolvlm_tools.errors import BadOptions, ModelNotFound

TIMEOUT_S = 1800
HEADER = {"benchmark": "memory_contract"}


def measure(row: Row, folder: Path, images: Path) -> Answer:
    """Run one row in a fresh process."""
    arguments = {"row": asdict(row), "folder": str(folder), "images": str(images)}
    return measure_fresh(answer_row, arguments, TIMEOUT_S)


def read_results(path: Path, rows: Sequence[Row] = ROWS) -> list[Result]:
    """The rows that were measured into a file."""
    answers = Record(path, Row, HEADER, resume=True).answers
    return [Result.of(row, answers[row]) for row in rows if row in answers]


def _measure(rows: Sequence[Row], folders: dict[str, Path], out: Path) -> list[Result]:
    record = Record(out, Row, HEADER, resume=out.exists())
    with tempfile.TemporaryDirectory(prefix="smolvlm-memory-") as images:
        write_images(Path(images))
        answers = measure_all(
            rows, record, lambda row: measure(row, folders[row.size], Path(images)), notice
        )
    return [Result.of(row, answer) for row, answer in answers.items()]


def _folders(rows: Sequence[Row], given: Sequence[str]) -> dict[str, Path]:
    named = dict(item.partition("=")[::2] for item in given)
    if strange := set(named) - set(SIZES):
        raise BadOptions(f"unknown size {min(strange)!r}", f"Use {', '.join(SIZES)}.")
    folders = {size: Path(named.get(size, CHECKPOINTS / name)) for size, name in SIZES.items()}
    for size in dict.fromkeys(row.size for row in rows):
        if not (folders[size] / "config.json").is_file():
            raise ModelNotFound(
                f"there is no {size} checkpoint at {folders[size]}",
                "Build it with `python -m benchmarks.checkpoints.make CONFIG --out FOLDER --onnx "
                "fp32,int8,q4`, and name it with --folder SIZE=FOLDER.",
            )
    return folders


def _run(options: argparse.Namespace) -> int:
    rows = [row for row in ROWS if options.only in str(row)]
    if not rows:
        raise BadOptions(f"no row is called {options.only!r}", f"A row is called {ROWS[0]}.")
    if options.source:
        results = read_results(options.source, rows)
    else:
        results = _measure(rows, _folders(rows, options.folder), options.out)
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    elif options.markdown:
        print(as_markdown(results))
    else:
        Console(width=130).print(as_table(results))
    held = sum(result.holds for result in results)
    notice(f"{held} of {len(results)} rows hold")
    return 0 if held == len(results) else FAILED


main = Command("memory_contract", __doc__, _run)
main.add_argument(
    "--only", default="", metavar="TEXT", help=f"rows whose name contains TEXT: {ROWS[0]}"
)
main.add_argument("--folder", action="append", default=[], metavar="SIZE=FOLDER")
main.add_argument("--out", type=Path, default=RESULTS / "memory.jsonl", metavar="FILE")
main.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing")
main.add_argument("--markdown", action="store_true", help="as in docs/memory.md")
main.add_argument("--json", action="store_true")

if __name__ == "__main__":
    sys.exit(main())
