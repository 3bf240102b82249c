"""Measures what a JSON-schema constraint costs: per token, on the first request, and in memory.

    python -m benchmarks.constraints
    python -m benchmarks.constraints CHECKPOINT --backend torch --precision bf16

The same prompt is continued by the same number of tokens, freely and under a schema in turns. A
token's time is the wall time between two streamed tokens, without the prefill and the first token:
the model's step, the mask, the choice and the hand-over. Random weights write random strings, which
keeps the grammar at work in every token. Beside the medians of whole replies stand the shortest
times of each token over all replies, which other work on the machine disturbs less. Exit code 1
says that the ratio of the medians is above the bar of 1.15.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.command import FAILED, Command
from benchmarks.machine import machine_facts
from benchmarks.paths import DEFAULT_CONFIG
from benchmarks.prompts import conversation, exactly
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM
from smolvlm_tools.machine.meter import resident

BAR = 1.15
PROMPT = "List everything that was bought, with its quantity and price."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "minItems": 100,  # more than fit into the tokens, so that the answer never ends early
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 8, "maxLength": 40},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 999},
                    "price": {"type": "number", "minimum": 0, "maximum": 10_000},
                    "unit": {"enum": ["piece", "kilogram", "litre"]},
                },
                "required": ["name", "quantity", "price", "unit"],
            },
        }
    },
    "required": ["items"],
}


@dataclass(frozen=True, slots=True)
class Run:
    """One reply: seconds until its first token, and from each token to the next."""

    first: float
    steps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """All replies, in order."""

    free: tuple[Run, ...]
    typed: tuple[Run, ...]  # the first built the token trie
    bytes_taken: int  # by which the process grew with that first one

    @property
    def trie_seconds(self) -> float:
        """How much later the first typed reply began than the others did."""
        return self.typed[0].first - statistics.median(run.first for run in self.typed[1:])


def median_token(runs: Sequence[Run]) -> float:
    """Seconds per token after the first: median over replies of their means."""
    return statistics.median(statistics.mean(run.steps) for run in runs)


def least_token(runs: Sequence[Run]) -> float:
    """Seconds per token, each at its quickest: mean over positions of the least over replies."""
    return statistics.mean(map(min, zip(*(run.steps for run in runs), strict=True)))


def ratio(costs: Costs, token: Callable[[Sequence[Run]], float]) -> float:
    """Typed over free, seconds per token."""
    return token(costs.typed[1:]) / token(costs.free)


def reply(vlm: SmolVLM, tokens: int, **options: Any) -> Run:
    """Time one greedy reply of `tokens` tokens."""
    messages = conversation(PROMPT)
    stamps: list[float] = []
    begun = time.perf_counter()
    for _ in vlm.stream(messages, **(exactly(tokens) | options)):
        stamps.append(time.perf_counter())
    stamps = stamps[: tokens - 1]  # the last comes together with the end of the answer
    return Run(stamps[0] - begun, tuple(after - before for before, after in pairwise(stamps)))


def measure(vlm: SmolVLM, tokens: int, rounds: int) -> Costs:
    """Free and typed replies in turns, after a free one that warms up."""
    memory = resident()
    reply(vlm, tokens)
    before = memory.now()
    typed = [reply(vlm, tokens, answer=SCHEMA, ignore_eos=False)]
    taken = memory.now() - before
    free: list[Run] = []
    for _ in range(rounds):
        free.append(reply(vlm, tokens))
        typed.append(reply(vlm, tokens, answer=SCHEMA, ignore_eos=False))
    return Costs(tuple(free), tuple(typed), taken)


def table(costs: Costs) -> str:
    """Markdown."""
    ways = (median_token, least_token)
    replies = {"free decoding": costs.free, "under the JSON schema": costs.typed[1:]}
    rows: list[list[str]] = [
        [f"{name}, ms a token", *(f"{way(runs) * 1e3:.2f}" for way in ways)]
        for name, runs in replies.items()
    ]
    rows += [
        [f"ratio (at most {BAR})", *(f"{ratio(costs, way):.3f}" for way in ways)],
        ["first typed request, s more", f"{costs.trie_seconds:.2f}", ""],
        ["memory it takes and keeps, MB", f"{costs.bytes_taken / 1e6:.0f}", ""],
    ]
    return markdown_table(["", "median of replies", "each token at its quickest"], rows, left=1)


def _run(options: argparse.Namespace) -> int:
    folder = options.checkpoint
    if folder is None:
        folder = default_checkpoint(DEFAULT_CONFIG, "random", options.backend == "onnx", print)
    with SmolVLM.load(folder, backend=options.backend, precision=options.precision) as vlm:
        costs = measure(vlm, options.tokens, options.rounds)
        facts = machine_facts()
        print(f"{vlm!r}; {facts['cpu']}, {facts['cores']} cores; {options.rounds} rounds\n")
    print(table(costs))
    return 0 if ratio(costs, median_token) <= BAR else FAILED


main = Command("constraints", __doc__, _run)
main.add_argument("checkpoint", type=Path, nargs="?", help="default: built with random weights")
main.add_argument("--backend", default="onnx")
main.add_argument("--precision", default="int8")
main.add_argument("--tokens", type=int, default=48, help="of every reply (48)")
main.add_argument("--rounds", type=int, default=30, help="of one free and one typed reply (30)")

if __name__ == "__main__":
    sys.exit(main())
