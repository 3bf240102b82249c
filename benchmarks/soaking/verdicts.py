"""Holds what a soak measured against the bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.soaking.outcomes import BROKEN, HUNG, percentile
from benchmarks.soaking.run import Measured

GROWTH = 32 * 1024**2
RIGHT = 0.999
BUSY_SECONDS = 0.100
SLOWER = 1.3
MB = 1024**2
LATE = {"descriptors": 8, "threads": 8, "children": 0}
"""What may come after the warm-up: pools of a fixed size start a thread when it is first needed,
and threads have descriptors."""


class Verdict(NamedTuple):
    """A bound and whether it was kept; None where it could not be measured."""

    what: str
    measured: str
    bound: str
    kept: bool | None


def verdicts(measured: Measured) -> Iterator[Verdict]:
    """Every bound that a soak has."""
    tally = measured.tally
    wrong = sum(tally.unexpected.values())
    right = f"{tally.right:.3%} of {tally.total:,} ({wrong} others)"
    enough = tally.total > 0 and tally.right >= RIGHT
    yield Verdict("outcomes of the right type", right, "99.9 %", enough)
    lost = sum(counts[HUNG] + counts[BROKEN] for counts in tally.counts.values())
    yield Verdict("hung or lost", str(lost), "0", lost == 0)
    busy = tally.seconds.get("to Busy", [])
    soon = percentile(busy, 0.99)
    shown = f"p99 {soon * 1e3:.0f} ms, longest {max(busy, default=0) * 1e3:.0f} ms of {len(busy):,}"
    yield Verdict("time to Busy", shown, "100 ms", soon <= BUSY_SECONDS if busy else None)
    yield from _quiet(measured)
    traces = sum("Traceback" in line for line in measured.log)
    yield Verdict("tracebacks in the log", str(traces), "0", traces == 0)


def beside(measured: Measured, other: Measured, surface: str) -> Verdict:
    """Answers' p95 held against what the same clients get from another surface."""
    ours, theirs = (percentile(one.tally.seconds["an answer"], 0.95) for one in (measured, other))
    shown = f"{ours * 1e3:.0f} ms and {theirs * 1e3:.0f} ms: {ours / theirs:.2f}"
    what = f"an answer's p95, here and on {surface}"
    return Verdict(what, shown, f"{SLOWER} x", ours <= SLOWER * theirs)


def _quiet(measured: Measured) -> Iterator[Verdict]:
    """The service without clients before and after."""
    before, after = measured.before, measured.after
    if before is None or after is None:
        yield Verdict("growth, descriptors, threads", "not measured: interrupted", "", None)
        return
    grown = after.rss - before.rss
    shown = f"{grown / MB:+.1f} MB to {after.rss / MB:.0f} MB"
    yield Verdict("resident memory after warm-up", shown, "+32 MB", grown <= GROWTH)
    for name, late in LATE.items():
        one, other = getattr(before, name), getattr(after, name)
        shown, bound = f"{one} → {other}", f"constant (+{late} for pools that fill late)"
        yield Verdict(f"{name} without clients", shown, bound, other <= one + late)
