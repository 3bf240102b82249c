"""Measures ingestion: born-digital pages, one-tile images beside other ways, growth of memory.

    python -m benchmarks.ingest                      # pages, batch, growth
    python -m benchmarks.ingest --what transformers  # on a 256M checkpoint, built once

| what | measured | bar |
|---|---|---|
| pages | 400 born-digital pages without --look | 20 s |
| batch | throughput on one-tile images, of the engine's own `batch` | 0.9 times |
| transformers | throughput on one-tile images of the 256M shape, of a plain loop | 2 times |
| growth | of the parent over 10,000 tiny images, after the first 500 | 100 MB |

Each is a fresh process, in which the ways that are compared take turns. The load average stands
beside every figure: on a machine with other work, seconds mean little, ratios more. Exit code 1
says that a bar was missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.command import FAILED, Command, comma_list, notice
from benchmarks.ingestion.measure import beside_batch, beside_transformers, born_digital, growth
from benchmarks.machine import machine_facts
from benchmarks.paths import DEFAULT_CONFIG
from benchmarks.process import Answer, measure_fresh
from benchmarks.tables import markdown_table
from smolvlm_tools.errors import BadOptions

_TIMEOUT = 3600.0


class Row(NamedTuple):
    """A line of the report."""

    what: str
    figure: str
    bar: str
    is_met: bool
    load: float | None


def pages_row(answer: Answer) -> Row:
    """A row of seconds."""
    seconds = answer["seconds"]
    figure = f"{seconds:.1f} s, {answer['cpu_seconds']:.1f} s of processor time"
    return Row("400 born-digital pages", figure, "at most 20 s", seconds <= 20, answer["load"])


def ratio_row(what: str, other: str, least: float, answer: Answer) -> Row:
    """A row that compares throughputs: the other's median seconds by ingestion's."""
    theirs, ours = (statistics.median(answer[name]) for name in (other, "ingest"))
    ratio = theirs / ours
    rate = answer["images"] / ours
    figure = f"{ratio:.2f} times ({rate:.1f} images/s)"
    return Row(what, figure, f"at least {least:g} times", ratio >= least, answer["load"])


def growth_row(answer: Answer) -> Row:
    """A row of bytes."""
    grown = answer["bytes"] / 1e6
    figure = f"{grown:.0f} MB ({answer['images'] / answer['seconds']:.0f} images/s)"
    what = f"growth over {answer['images']:,} tiny images"
    return Row(what, figure, "at most 100 MB", grown <= 100, answer["load"])


def _measure(what: str, options: argparse.Namespace) -> tuple[Answer, Callable[[Answer], Row]]:
    notice(f"measuring {what}")
    if what == "pages":
        return measure_fresh(born_digital, {"pages": 400}, _TIMEOUT), pages_row
    if what == "growth":
        return measure_fresh(growth, {"images": options.tiny}, _TIMEOUT), growth_row
    many = {"images": options.images, "rounds": options.rounds, "new_tokens": options.tokens}
    if what == "batch":
        arguments: dict[str, Any] = {"checkpoint": options.checkpoint or "embedded", **many}
        answer = measure_fresh(beside_batch, arguments, _TIMEOUT)
        return answer, lambda answer: ratio_row("of the engine's batch", "batch", 0.9, answer)
    if what != "transformers":
        raise BadOptions(f"unknown --what {what!r}", "Use pages, batch, transformers and growth.")
    folder = options.checkpoint or default_checkpoint(DEFAULT_CONFIG, "random", True, notice)
    answer = measure_fresh(beside_transformers, {"checkpoint": str(folder), **many}, _TIMEOUT)
    return answer, lambda answer: ratio_row("of transformers' loop", "loop", 2.0, answer)


def _run(options: argparse.Namespace) -> int:
    answers: dict[str, Answer] = {}
    rows: list[Row] = []
    for what in options.what:
        answer, row = _measure(what, options)
        answers[what] = answer
        failed = Row(what, f"failed: {answer.get('error')}", "", False, None)
        rows.append(failed if "error" in answer else row(answer))
    if options.json:
        print(json.dumps({"facts": machine_facts(), **answers}, indent=2))
    else:
        head = ["", "measured", "bar", "met", "load average"]
        cells = [[*row[:3], "yes" if row.is_met else "no", row.load] for row in rows]
        print(f"{machine_facts()['cpu']}\n\n{markdown_table(head, cells)}")
    return 0 if all(row.is_met for row in rows) else FAILED


main = Command("ingest", __doc__, _run)
main.add_argument(
    "--what", type=comma_list, default=("pages", "batch", "growth"), help="comma-separated"
)
main.add_argument("--checkpoint", help="for batch (default: embedded) and transformers")
main.add_argument("--images", type=int, default=200, help="one-tile images of a round")
main.add_argument("--rounds", type=int, default=5)
main.add_argument("--tokens", type=int, default=32, help="of every reply")
main.add_argument("--tiny", type=int, default=10_000, help="tiny images of `growth`")
main.add_argument("--json", action="store_true", help="all samples")

if __name__ == "__main__":
    sys.exit(main())
