"""Measures a reply that is being read while another request's page is encoded.

    python -m benchmarks.overlap
    python -m benchmarks.overlap --checkpoint FOLDER --rounds 5 --json

In each round a page is described alone; then a text reply is streamed, and the same page is
described beside it. Tells how many tokens a second the reader gets meanwhile, and how many times as
long the page takes. Caches are off. The default is a checkpoint of the 256M's shape with random
weights, built where it is missing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.command import Command, notice
from benchmarks.machine import machine_facts
from benchmarks.many_questions import draw_page
from benchmarks.paths import DEFAULT_CONFIG
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM

LONG = 4000
"""Tokens of the reply that is read: it has to outlast the page."""


class Round(NamedTuple):
    """Seconds of the page, alone and beside a reply, and that reply's tokens a second."""

    alone: float
    beside: float
    tokens_a_second: float


def measure(folder: Path, rounds: int) -> list[Round]:
    """Take turns between alone and beside."""
    found: list[Round] = []
    with SmolVLM.load(str(folder), cache=False) as vlm:
        page = draw_page(0)
        _describe(vlm, page)
        for number in range(1, rounds + 1):
            alone = _describe(vlm, page)
            found.append(Round(alone, *_beside(vlm, page)))
            notice(f"round {number} of {rounds}: {found[-1]}")
    return found


def _beside(vlm: SmolVLM, page: Image.Image) -> tuple[float, float]:
    """Seconds of the page, and tokens a second that a reader gets meanwhile."""
    done, begun = threading.Event(), threading.Event()
    at: list[float] = []

    def read() -> None:
        messages = [{"role": "user", "content": "Count."}]
        for _ in vlm.stream(messages, max_new_tokens=LONG, ignore_eos=True, repetition_guard=False):
            at.append(time.perf_counter())
            begun.set()
            if done.is_set():
                return

    reader = threading.Thread(target=read)
    reader.start()
    begun.wait()
    began = time.perf_counter()
    seconds = _describe(vlm, page)
    done.set()
    reader.join()
    read_meanwhile = sum(began <= each <= began + seconds for each in at)
    return seconds, read_meanwhile / seconds


def _describe(vlm: SmolVLM, page: Image.Image) -> float:
    began = time.perf_counter()
    vlm.describe(page, max_new_tokens=1)
    return time.perf_counter() - began


def table(rounds: list[Round]) -> str:
    """The figures as Markdown."""
    rows = [
        [name, *(f"{each:.2f}" for each in (statistics.median(values), min(values), max(values)))]
        for name, values in (
            ("the page alone, s", [each.alone for each in rounds]),
            ("beside a reply that is read, s", [each.beside for each in rounds]),
            ("times as long", [each.beside / each.alone for each in rounds]),
            ("the reader's tokens a second meanwhile", [each.tokens_a_second for each in rounds]),
        )
    ]
    facts = machine_facts()
    head = ["", "median", "min", "max"]
    return f"On {facts['cpu']}, {facts['cores']} cores\n\n{markdown_table(head, rows, left=1)}"


def _run(options: argparse.Namespace) -> int:
    folder = options.checkpoint or default_checkpoint(DEFAULT_CONFIG, "random", True, notice)
    rounds = measure(folder, options.rounds)
    if options.json:
        told = [each._asdict() for each in rounds]
        print(json.dumps({"machine": machine_facts(), "rounds": told}))
    else:
        print(table(rounds))
    return 0


main = Command("overlap", __doc__, _run)
main.add_argument("--checkpoint", type=Path, metavar="FOLDER")
main.add_argument("--rounds", type=int, default=3)
main.add_argument("--json", action="store_true", help="print all rounds as JSON")

if __name__ == "__main__":
    sys.exit(main())
