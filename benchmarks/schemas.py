"""Compiles real JSON schemas, and counts how many are accepted and how long each takes.

    python -m benchmarks.schemas ../shared/schemas

Reads every file FOLDER/*.jsonl, one schema a line, as JSONSchemaBench
(https://huggingface.co/datasets/epfl-dlab/JSONSchemaBench) has them. "accepted" are those that
`constraints.json_schema` takes, "by llguidance" those that its compiler takes as they are. A schema
with keywords that only the check of the finished value knows counts as accepted, and under
"checked" too. Times are CPU time, each schema once. Exit code 1 says that a bar is missed: 0.80 of
all, 0.95 of Kubernetes, Snowplow and Glaive, a median of 3 ms, a 95th percentile of 50 ms, 5 s for
any, and no error but `SchemaNotSupported`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.command import FAILED, Command, notice
from benchmarks.machine import machine_facts
from benchmarks.tables import markdown_table
from smolvlm_tools import SchemaNotSupported
from smolvlm_tools.constraints import json_schema
from smolvlm_tools.constraints.byte_matcher import byte_matcher

EASY = ("Kubernetes", "Snowplow", "Glaiveai2K")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One schema; times in seconds of CPU."""

    accepted: bool
    checked: bool
    seconds: float
    taken_by_llguidance: bool
    seconds_of_llguidance: float


def compile_here(schema: Any) -> tuple[bool, bool, float]:
    """Whether it is accepted, whether the check knows more than the grammar, and the seconds."""
    begun = time.process_time()
    try:
        checked = bool(json_schema(schema).unenforced)
        accepted = True
    except SchemaNotSupported:
        accepted = checked = False
    return accepted, checked, time.process_time() - begun


def compile_by_llguidance(schema: Any) -> tuple[bool, float]:
    """Whether llguidance alone takes it, and the seconds."""
    begun = time.process_time()
    matcher = byte_matcher("start: %json " + json.dumps(schema) + "\n")
    return not matcher.is_error(), time.process_time() - begun


def measure(folder: Path) -> dict[str, list[Outcome]]:
    """The outcomes of every file's schemas; first all are compiled here, then by llguidance."""
    byte_matcher("start: %json {}\n")  # makes the vocabulary of bytes
    schemas = {
        path.stem: [json.loads(line) for line in path.open(encoding="utf-8")]
        for path in sorted(folder.glob("*.jsonl"))
    }
    here = {name: [compile_here(each) for each in those] for name, those in schemas.items()}
    alone = {name: [compile_by_llguidance(each) for each in t] for name, t in schemas.items()}
    return {
        name: [Outcome(*one, *two) for one, two in zip(here[name], alone[name], strict=True)]
        for name in schemas
    }


def share(outcomes: Sequence[Outcome], name: str) -> float:
    """How many of them have a property, 0 to 1."""
    return statistics.mean(bool(getattr(each, name)) for each in outcomes)


def quantiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and maximum in milliseconds."""
    ordered = sorted(1000 * each for each in seconds)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]


def table(found: dict[str, list[Outcome]]) -> str:
    """Markdown: a row a file, and one of all."""
    head = ["schemas of", "", "accepted", "checked", "by llguidance"]
    head += ["ms median", "ms p95", "ms most"]
    rows: list[list[object]] = []
    for name, outcomes in {**found, "all": [*chain.from_iterable(found.values())]}.items():
        middle, late, most = quantiles([each.seconds for each in outcomes])
        shares = [f"{share(outcomes, what):.2f}" for what in ("accepted", "checked")]
        alone = f"{share(outcomes, 'taken_by_llguidance'):.2f}"
        times = [f"{middle:.1f}", f"{late:.1f}", f"{most:.1f}"]
        rows.append([name, len(outcomes), *shares, alone, *times])
    return markdown_table(head, rows)


def shortfalls(found: dict[str, list[Outcome]]) -> list[str]:
    """The bars that are missed, in words."""
    everything = [*chain.from_iterable(found.values())]
    missed: list[str] = []
    for names, bar in ((tuple(found), 0.80), (EASY, 0.95)):
        those = [each for name in names for each in found.get(name, ())]
        if those and share(those, "accepted") < bar:
            missed.append(f"accepted {share(those, 'accepted'):.3f} of {', '.join(names)}")
    times = quantiles([each.seconds for each in everything])
    for what, value, bar in zip(("median", "p95", "most"), times, (3.0, 50.0, 5000.0), strict=True):
        if value > bar:
            missed.append(f"{what} {value:.1f} ms, more than {bar:g}")
    return missed


def _run(options: argparse.Namespace) -> int:
    found = measure(options.folder)
    if not found:
        notice(f"error: {options.folder} has no .jsonl files")
        return 2
    print(f"{machine_facts()['cpu']}\n\n{table(found)}")
    missed = shortfalls(found)
    for each in missed:
        print(f"missed: {each}")
    return FAILED if missed else 0


main = Command("schemas", __doc__, _run)
main.add_argument("folder", type=Path, help="where the .jsonl files lie")

if __name__ == "__main__":
    sys.exit(main())
