"""What a JSON-schema constraint costs at full size: per token, once at first, and in bytes.

    python -m benchmarks.constraints
    python -m benchmarks.constraints CHECKPOINT --backend torch --precision bf16

The same prompt is continued by the same number of tokens, freely and under a schema in turns. A
token's time is the wall time between the streamed tokens, without the prefill and the first token:
the model's step, the mask, the choice and the hand-over. Random weights write random strings, so
the grammar is kept at work in every token. Beside the medians of whole replies stand the least
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

from benchmarks.checkpoints.files import DEFAULT_CONFIG, default_checkpoint
from benchmarks.command import exit_code
from benchmarks.machine import machine_facts
from smolvlm_tools import SmolVLM
from smolvlm_tools.machine.meter import resident

BAR = 1.15
FAILED = 1
PROMPT = "List everything that was bought, with its quantity and price."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "minItems": 100,  # more than the tokens asked for hold: the answer never ends early
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
    """One reply.

    Attributes:
        first: seconds until its first token.
        steps: seconds from each token to the next.
    """

    first: float
    steps: tuple[float, ...]

    @property
    def per_token(self) -> float:
        """Seconds a token on average, after the first."""
        return statistics.mean(self.steps)


@dataclass(frozen=True, slots=True)
class Costs:
    """All replies.

    Attributes:
        free, typed: in the order they were made; the first of `typed` built the token trie.
        bytes_taken: by how much the process grew with that first one.
    """

    free: tuple[Run, ...]
    typed: tuple[Run, ...]
    bytes_taken: int

    @property
    def trie_seconds(self) -> float:
        """How much later the first token of the first typed reply came than that of the others."""
        return self.typed[0].first - statistics.median(run.first for run in self.typed[1:])


def median_token(runs: Sequence[Run]) -> float:
    """Seconds per token."""
    return statistics.median(run.per_token for run in runs)


def least_token(runs: Sequence[Run]) -> float:
    """Seconds per token, each at its quickest: the mean over places of the least over replies."""
    return statistics.mean(map(min, zip(*(run.steps for run in runs), strict=True)))


def ratio(costs: Costs, token: Callable[[Sequence[Run]], float]) -> float:
    """Typed over free, seconds per token."""
    return token(costs.typed[1:]) / token(costs.free)


def reply(vlm: SmolVLM, tokens: int, **options: Any) -> Run:
    """Time one greedy reply of `tokens` tokens."""
    messages = [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]
    stamps: list[float] = []
    begun = time.perf_counter()
    for _ in vlm.stream(messages, max_new_tokens=tokens, repetition_guard=False, **options):
        stamps.append(time.perf_counter())
    stamps = stamps[: tokens - 1]  # the last comes with what completes the answer
    return Run(stamps[0] - begun, tuple(after - before for before, after in pairwise(stamps)))


def measure(vlm: SmolVLM, tokens: int, rounds: int) -> Costs:
    """Free and typed replies in turns, after a free one that warms up."""
    memory = resident()
    reply(vlm, tokens, ignore_eos=True)
    before = memory.now()
    typed = [reply(vlm, tokens, answer=SCHEMA)]
    taken = memory.now() - before
    free: list[Run] = []
    for _ in range(rounds):
        free.append(reply(vlm, tokens, ignore_eos=True))
        typed.append(reply(vlm, tokens, answer=SCHEMA))
    return Costs(tuple(free), tuple(typed), taken)


def table(costs: Costs) -> str:
    """Markdown."""
    lines = ["| | median of replies | each token at its quickest |", "|---|---:|---:|"]
    ways = (median_token, least_token)
    for name, runs in (("free decoding", costs.free), ("under the JSON schema", costs.typed[1:])):
        cells = [f"{way(runs) * 1e3:.2f}" for way in ways]
        lines.append(f"| {name}, ms a token | {' | '.join(cells)} |")
    lines.append(
        f"| ratio (at most {BAR}) | {' | '.join(f'{ratio(costs, w):.3f}' for w in ways)} |"
    )
    lines.append(f"| first typed request, s more | {costs.trie_seconds:.2f} | |")
    lines.append(f"| memory it takes and keeps, MB | {costs.bytes_taken / 1e6:.0f} | |")
    return "\n".join(lines)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", help="built with random weights if none"
    )
    parser.add_argument("--backend", default="onnx")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--tokens", type=int, default=48, help="of every reply (48)")
    parser.add_argument(
        "--rounds", type=int, default=30, help="of one free and one typed reply (30)"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    folder = args.checkpoint
    if folder is None:
        folder = default_checkpoint(DEFAULT_CONFIG, "random", args.backend == "onnx", print)
    with SmolVLM.load(folder, backend=args.backend, precision=args.precision) as vlm:
        costs = measure(vlm, args.tokens, args.rounds)
        facts = machine_facts()
        print(f"{vlm!r}; {facts['cpu']}, {facts['cores']} cores; {args.rounds} rounds\n")
    print(table(costs))
    return 0 if ratio(costs, median_token) <= BAR else FAILED


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return exit_code(lambda: run(parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
