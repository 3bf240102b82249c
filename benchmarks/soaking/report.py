"""Shows a soak: as tables for people, as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.machine import machine_facts
from benchmarks.soaking.outcomes import percentile
from benchmarks.soaking.run import Measured, Plan
from benchmarks.soaking.sampling import extremes
from benchmarks.soaking.verdicts import MB, Verdict
from benchmarks.tables import markdown_table

PARTS = (0.50, 0.95, 0.99)
COLUMNS = {
    "rss": "resident memory, MB",
    "descriptors": "descriptors",
    "threads": "threads",
    "children": "processes below it",
    "children_rss": "their memory, MB",
    "waiting": "waiting for the engine",
}


def as_json(plan: Plan, surface: str, measured: Measured, found: list[Verdict]) -> dict[str, Any]:
    """Everything but the single seconds and samples, of which the percentiles and every tenth."""
    tally = measured.tally
    return {
        "facts": machine_facts(),
        "surface": surface,
        "plan": asdict(plan),
        "load": measured.load,
        "seconds": round(measured.seconds, 1),
        "outcomes": {kind: dict(counts) for kind, counts in sorted(tally.counts.items())},
        "unexpected": tally.unexpected,
        "examples": tally.examples,
        "milliseconds": {stage: _row(values) for stage, values in tally.seconds.items()},
        "service_seconds": measured.stages,
        "before": measured.before and measured.before._asdict(),
        "after": measured.after and measured.after._asdict(),
        "samples": [sample._asdict() for sample in measured.samples[::10]],
        "log": measured.log[-200:],
        "verdicts": [verdict._asdict() for verdict in found],
    }


def tables(measured: Measured, found: list[Verdict]) -> Iterator[str]:
    """The same to read."""
    rate = measured.tally.total / measured.seconds if measured.seconds else 0.0
    load = "unknown" if measured.load is None else f"{measured.load:.1f}"
    yield f"{measured.seconds:.0f} s, {rate:.1f} requests/s, load average {load}{_cpu(measured)}"
    kinds = ((kind, _words(words)) for kind, words in sorted(measured.tally.counts.items()))
    yield markdown_table(["request", "outcomes"], kinds)
    head = ["milliseconds", "number", "p50", "p95", "p99", "longest"]
    rows = ([stage, *_row(values)] for stage, values in sorted(measured.tally.seconds.items()))
    yield markdown_table(head, rows, left=1)
    if measured.stages:
        own = ([stage, *values] for stage, values in sorted(measured.stages.items()))
        yield markdown_table(["service's own seconds, at most", "p50", "p95", "p99"], own, left=1)
    yield markdown_table(
        ["the process", "before", "lowest", "highest", "after"], _process(measured)
    )
    bounds = ((v.what, v.measured, v.bound, _kept(v.kept)) for v in found)
    yield markdown_table(["bound", "measured", "", "kept"], bounds)
    if measured.tally.examples:
        yield "Unexpected, the first:\n" + "\n".join(measured.tally.examples)


def _cpu(measured: Measured) -> str:
    """How much of the processor the service got: with less than it wants, everything is late."""
    if len(measured.samples) < 2:
        return ""
    first, last = measured.samples[0], measured.samples[-1]
    cores = (last.cpu - first.cpu) / (last.at - first.at)
    return f", {cores:.2f} cores used by the service"


def _row(values: list[float]) -> list[int]:
    """How many, percentiles and the largest, in milliseconds."""
    parts = [percentile(values, part) for part in PARTS]
    return [len(values), *(round(part * 1e3) for part in (*parts, max(values)))]


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in counts.most_common())


def _process(measured: Measured) -> Iterator[list[str]]:
    for name, shown in COLUMNS.items():
        quiet = [getattr(one, name, None) for one in (measured.before, measured.after)]
        low, high = extremes(measured.samples, name)
        values = (quiet[0], low, high, quiet[1])
        scale = MB if name.endswith("rss") else 1
        if high is not None:
            yield [shown, *("" if v is None else f"{v / scale:.0f}" for v in values)]


def _kept(kept: bool | None) -> str:
    return {True: "yes", False: "NO", None: "not measured"}[kept]
