"""Measures how soon the engine and its child processes are free when requests are given up.

    python -m benchmarks.cancels
    python -m benchmarks.cancels --count 100 --surface stdio --json

Each request is given up in one stage (an address that does not answer, a slow document, a large
picture, the queue, vision, prefill, decoding, at any time), after a delay by chance, and in one
way: an event, a closed or dropped stream, a cancelled task, `notifications/cancelled`, a broken
connection, a client that ends. It is free when the engine has no reply of it, no child reads and
no thread works for it. Exit code 1 says that one was stuck, that something was left behind, that a
later good request was wrong, or that the 99th percentile is above the bar: 250 ms or two decode
steps.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cancelling.trials import SURFACES, Cancel, Outcome, give_up
from benchmarks.cancelling.watch import PATIENCE
from benchmarks.command import FAILED, Command, notice
from benchmarks.machine import machine_facts
from benchmarks.tables import markdown_table

BAR = 0.25
THREADS = 8
"""Threads that executors may still have started: they keep them for later requests."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share of them does not pass; 0 if none is."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else 0.0


def figures(cancels: Sequence[Cancel]) -> dict[str, float]:
    """Milliseconds until all was free, and how many were stuck."""
    seconds = [each.seconds for each in cancels if each.seconds is not None]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {name: round(percentile(seconds, share) * 1e3, 1) for name, share in shares.items()}
    return {"cancels": len(cancels), **found, "stuck": len(cancels) - len(seconds)}


def grouped(
    cancels: Sequence[Cancel], name_of: Callable[[Cancel], str]
) -> dict[str, dict[str, float]]:
    """The figures of each group."""
    names = dict.fromkeys(name_of(each) for each in cancels)
    return {name: figures([c for c in cancels if name_of(c) == name]) for name in sorted(names)}


def failures(outcome: Outcome) -> list[str]:
    """What is not as it has to be."""
    found = figures(outcome.cancels)
    step = percentile(outcome.step_seconds, 0.5)
    before, after = outcome.before, outcome.after
    checks = {
        f"{found['stuck']} were stuck for {PATIENCE:g} s": found["stuck"] > 0,
        f"p99 is {found['p99']} ms": found["p99"] > max(BAR, 2 * step) * 1e3,
        f"{len(outcome.wrong)} good answers were wrong": bool(outcome.wrong),
        f"{after.children} children are left": after.children > before.children,
        f"descriptors: {before.descriptors}, then {after.descriptors}": (
            after.descriptors > before.descriptors
        ),
        f"threads: {before.threads}, then {after.threads}": (
            after.threads > before.threads + THREADS
        ),
    }
    return [what for what, is_so in checks.items() if is_so]


def report(outcome: Outcome) -> dict[str, Any]:
    """Everything that was measured, as JSON values; times in milliseconds."""
    return {
        "machine": machine_facts(),
        "all": figures(outcome.cancels),
        "by_moment": grouped(outcome.cancels, lambda each: each.moment),
        "by_way": grouped(outcome.cancels, lambda each: f"{each.surface}: {each.way}"),
        "ended_before": outcome.missed,
        "decode_step": round(percentile(outcome.step_seconds, 0.5) * 1e3, 1),
        "before": outcome.before._asdict(),
        "after": outcome.after._asdict(),
        "good": outcome.good,
        "failures": failures(outcome),
    }


def table(told: dict[str, Any]) -> str:
    """The report as Markdown."""
    head = ["", "cancels", "p50 ms", "p95 ms", "p99 ms", "max ms", "stuck"]
    groups = {**told["by_moment"], **told["by_way"], "all": told["all"]}
    rows = [[name, *found.values()] for name, found in groups.items()]
    kept = ", ".join(f"{name} {told['before'][name]} to {told['after'][name]}" for name in KEPT)
    return "\n\n".join(
        [
            f"On {told['machine']['cpu']}, {told['machine']['cores']} cores",
            markdown_table(head, rows, left=1),
            f"A decode step: {told['decode_step']} ms. {told['good']} good requests. {kept}.",
            "; ".join(told["failures"]) or "All as it has to be.",
        ]
    )


KEPT = ("children", "threads", "descriptors")


def _run(options: argparse.Namespace) -> int:
    done: list[Cancel] = []

    def tell(cancel: Cancel) -> None:
        done.append(cancel)
        if cancel.seconds is None:
            notice(f"stuck: {cancel.surface}, {cancel.way}, {cancel.moment}")
        if len(done) % 50 == 0:
            notice(f"{len(done)} of {options.count}")

    names = [options.surface] if options.surface else SURFACES
    told = report(give_up(names, options.count, options.seed, tell))
    print(json.dumps(told, indent=1) if options.json else table(told))
    return FAILED if told["failures"] else 0


main = Command("cancels", __doc__, _run)
main.add_argument("--count", type=int, default=1000, help="requests that are given up")
main.add_argument("--surface", choices=SURFACES, help="one of them; all if it is left out")
main.add_argument("--seed", type=int, default=0, help="of the order and the delays")
main.add_argument("--json", action="store_true", help="print JSON instead of a table")

if __name__ == "__main__":
    sys.exit(main())
