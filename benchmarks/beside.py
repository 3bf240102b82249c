"""Measures how long a good request takes while eight slow files are being decoded.

    python -m benchmarks.beside
    python -m benchmarks.beside --rounds 10 --json

An MCP server on HTTP is asked about a small picture, alone and while eight other clients wait for
pages that take PDFium longer than they are allowed; both take turns. The bar: at most twice its
usual time (medians). Exit code 1 says that it took longer, or that a slow file was not being
decoded all the while.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cancelling.http import HttpSurface
from benchmarks.cancelling.sources import write_sources
from benchmarks.cancelling.watch import wait_for
from benchmarks.command import FAILED, Command, notice
from benchmarks.machine import machine_facts
from benchmarks.paths import ROOT
from benchmarks.tables import markdown_table
from smolvlm_tools import ImagePolicy, SmolVLM
from smolvlm_tools.sandbox import SHARED
from smolvlm_tools.tools import ImageStore, Toolbox

BAR = 2.0
SLOW = 8
GOOD = ROOT / "examples" / "images" / "shapes.png"
PATIENCE = 30.0
"""Seconds within which all slow files are being decoded."""


class Times(NamedTuple):
    """Seconds of good requests, and how many slow files were being decoded after each round."""

    alone: list[float]
    beside: list[float]
    decoding: list[int]

    @property
    def ratio(self) -> float:
        """How many times longer a good request takes beside slow files."""
        return statistics.median(self.beside) / statistics.median(self.alone)

    @property
    def is_held(self) -> bool:
        """Whether the bar was kept while the slow files were being decoded."""
        return self.ratio <= BAR and min(self.decoding) == SLOW


def measure(rounds: int, each: int) -> Times:
    """Time so many good requests in every round, alone and then beside the slow files."""
    with tempfile.TemporaryDirectory() as folder:
        sources = write_sources(Path(folder), GOOD)
        policy = ImagePolicy.agent([folder])
        with SmolVLM.load("embedded", policy=policy) as vlm, ExitStack() as stack:
            toolbox = Toolbox(vlm, store=ImageStore(policy))
            surface = stack.enter_context(HttpSurface(toolbox))
            return _take_turns(surface, sources, rounds, each)


def _take_turns(surface: HttpSurface, sources: dict[str, str], rounds: int, each: int) -> Times:
    times = Times([], [], [])
    ask_slow = surface.ways["disconnect, 2026"]
    _good(surface, sources["good"], 3)  # starts whatever starts late
    for number in range(1, rounds + 1):
        times.alone.extend(_good(surface, sources["good"], each))
        asked = [ask_slow(sources["document"]) for _ in range(SLOW)]
        wait_for(lambda: _decoding() == SLOW, PATIENCE)
        times.beside.extend(_good(surface, sources["good"], each))
        times.decoding.append(_decoding())
        for slow in asked:
            slow.give_up()
        wait_for(lambda: _decoding() == 0, PATIENCE)
        notice(f"round {number} of {rounds}: {times.ratio:.2f} times as long")
    return times


def _good(surface: HttpSurface, image: str, count: int) -> list[float]:
    seconds: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        surface.good(image)
        seconds.append(time.perf_counter() - began)
    return seconds


def _decoding() -> int:
    """Calls that child processes work at."""
    pool: Any = SHARED
    return len(pool._workers) - len(pool._free)


def table(times: Times) -> str:
    """The figures as Markdown."""
    rows = [
        [name, len(found), *(f"{value * 1e3:.0f}" for value in _spread(found))]
        for name, found in (("alone", times.alone), (f"beside {SLOW} slow files", times.beside))
    ]
    head = ["a good request", "requests", "median ms", "min ms", "max ms"]
    facts = machine_facts()
    return "\n\n".join(
        [
            f"On {facts['cpu']}, {facts['cores']} cores",
            markdown_table(head, rows, left=1),
            f"{times.ratio:.2f} times as long (at most {BAR:g}); slow files being decoded at the "
            f"end of each round: {', '.join(map(str, times.decoding))} of {SLOW}",
        ]
    )


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    return statistics.median(seconds), min(seconds), max(seconds)


def _run(options: argparse.Namespace) -> int:
    times = measure(options.rounds, options.requests)
    if options.json:
        print(json.dumps({"machine": machine_facts(), "ratio": times.ratio, **times._asdict()}))
    else:
        print(table(times))
    return 0 if times.is_held else FAILED


main = Command("beside", __doc__, _run)
main.add_argument("--rounds", type=int, default=5)
main.add_argument("--requests", type=int, default=10, help="good ones, each way in each round")
main.add_argument("--json", action="store_true", help="print all samples as JSON")

if __name__ == "__main__":
    sys.exit(main())
