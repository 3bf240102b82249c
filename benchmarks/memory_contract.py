"""Whether memory keeps to what was predicted of it: many models, precisions and images, measured.

    python -m benchmarks.memory_contract
    python -m benchmarks.memory_contract --only 256m --out rows.jsonl
    python -m benchmarks.memory_contract --from rows.jsonl --markdown

Every row is a process of its own that plans, loads and answers. Predicted and measured are the
highest resident memory of that whole process, from its start to the reply's end; a row holds when
measured <= predicted <= 1.25 x measured, and the peak is never above a budget that was accepted.
Rows are kept as they come (`--out`), so a run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.checkpoints.files import CHECKPOINTS, RESULTS, ROOT
from benchmarks.command import exit_code
from benchmarks.memory.rows import ROWS, SIZES, Row
from benchmarks.memory.table import Result, as_markdown, as_table
from benchmarks.prompts import write_images
from smolvlm_tools.errors import BadOptions, ModelNotFound

TIMEOUT_S = 1800
BROKEN = 1


def measure(row: Row, folder: Path, images: Path) -> Result:
    """Run one row in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory.worker", str(folder), str(images)]
    ran = subprocess.run(
        [*command, json.dumps(asdict(row))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    lines = ran.stdout.splitlines()
    if not lines:
        return Result(row, error=ran.stderr.strip().splitlines()[-1] if ran.stderr else "no answer")
    return Result(row, **json.loads(lines[-1]))


def measure_all(
    rows: Sequence[Row], folders: dict[str, Path], out: Path, console: Console
) -> Iterator[Result]:
    """Measure what `out` does not hold yet, and add it there."""
    done = {result.row: result for result in read_results(out)} if out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="smolvlm-memory-") as scratch:
        write_images(Path(scratch))
        for number, row in enumerate(rows, 1):
            if row not in done:
                console.print(f"{number} of {len(rows)}: {row}", highlight=False)
                done[row] = measure(row, folders[row.size], Path(scratch))
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(done[row])) + "\n")
            yield done[row]


def read_results(path: Path) -> list[Result]:
    """The rows of a file that `measure_all` wrote."""
    return [Result.read(line) for line in path.read_text(encoding="utf-8").splitlines()]


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


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory_contract",
        description="Predicted beside measured memory. Exit code 1 when a row does not hold.",
        epilog="example: python -m benchmarks.memory_contract --only 256m-onnx",
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="rows whose name holds TEXT: " + str(ROWS[0])
    )
    parser.add_argument("--folder", action="append", default=[], metavar="SIZE=FOLDER")
    parser.add_argument("--out", type=Path, default=RESULTS / "memory.jsonl", metavar="FILE")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing")
    parser.add_argument("--markdown", action="store_true", help="as in docs/memory.md")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    rows = [row for row in ROWS if options.only in str(row)]
    if not rows:
        raise BadOptions(f"no row is called {options.only!r}", f"Rows are such as {ROWS[0]}.")
    if options.source:
        results = [result for result in read_results(options.source) if result.row in rows]
    else:
        folders = _folders(rows, options.folder)
        results = list(measure_all(rows, folders, options.out, Console(stderr=True)))
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    elif options.markdown:
        print(as_markdown(results))
    else:
        Console(width=130).print(as_table(results))
    held = sum(result.holds for result in results)
    print(f"{held} of {len(results)} rows hold", file=sys.stderr)
    return 0 if held == len(results) else BROKEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())
