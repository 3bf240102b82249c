"""Measures what eight questions about one page cost beside the first of them alone.

    python -m benchmarks.many_questions
    python -m benchmarks.many_questions CHECKPOINT --precision int8 --no-cache

In every round a page that was never seen before gets one yes/no question, and another such page
eight of them, by `ask_many`. Nothing of an earlier round is of use, as every page is another image.
Exit code 1 says that the ratio of the medians is above the bar of 1.15.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.checkpoints.files import default_checkpoint
from benchmarks.command import FAILED, Command, notice
from benchmarks.machine import machine_facts
from benchmarks.paths import DEFAULT_CONFIG
from benchmarks.prompts import PAGE_SIZE
from benchmarks.tables import markdown_table
from smolvlm_tools import Ask, SmolVLM

BAR = 1.15
QUESTIONS = {
    "paid": Ask("Is it paid?", bool),
    "signed": Ask("Is there a signature?", bool),
    "stamped": Ask("Is there a stamp?", bool),
    "table": Ask("Does the page have a table?", bool),
    "logo": Ask("Is there a logo at the top?", bool),
    "total": Ask("Does it state a total?", bool),
    "dated": Ask("Is there a date?", bool),
    "typed": Ask("Is the whole page printed?", bool),
}


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of each round, and what the questions of the last one had to do themselves.

    Attributes:
        tiles: of a page.
        encoded: tiles that all questions together had encoded.
        read: prompt tokens that each question had read.
    """

    one: tuple[float, ...]
    many: tuple[float, ...]
    tiles: int
    encoded: int
    read: tuple[int, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(self.many) / statistics.median(self.one)


def draw_page(number: int) -> Image.Image:
    """A printed page; every number makes another."""
    page = Image.new("RGB", PAGE_SIZE, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(30)
    for line in range(45):
        text = f"Item {number * 45 + line:06}: {line + 1} pieces at {(number + 7) * line % 97}.50"
        draw.text((100, 100 + 44 * line), text, fill="black", font=font)
    return page


def seconds_of(vlm: SmolVLM, page: Image.Image, questions: Mapping[str, Ask]) -> float:
    """How long it takes to answer the questions about a page."""
    began = time.perf_counter()
    vlm.ask_many(page, questions)
    return time.perf_counter() - began


def measure(vlm: SmolVLM, rounds: int) -> Costs:
    """One question and all of them, in turns, each about a page of its own."""
    first = dict(list(QUESTIONS.items())[:1])
    results = vlm.ask_many(draw_page(0), QUESTIONS)  # also starts whatever starts late
    one: list[float] = []
    many: list[float] = []
    for number in range(1, rounds + 1):
        one.append(seconds_of(vlm, draw_page(2 * number - 1), first))
        many.append(seconds_of(vlm, draw_page(2 * number), QUESTIONS))
    used = [result.usage for result in results.values()]
    return Costs(
        tuple(one),
        tuple(many),
        used[0].tiles,
        sum(usage.tiles - usage.cached_tiles for usage in used),
        tuple(usage.prompt_tokens - usage.cached_tokens for usage in used),
    )


def table(costs: Costs) -> str:
    """The figures as a Markdown table."""
    one, many = statistics.median(costs.one), statistics.median(costs.many)
    rows = [
        ["one question, s", f"{one:.2f}"],
        [f"{len(QUESTIONS)} questions, s", f"{many:.2f}"],
        [f"ratio (at most {BAR})", f"{costs.ratio:.3f}"],
        ["each further question, ms", f"{(many - one) / (len(QUESTIONS) - 1) * 1000:.0f}"],
        ["tiles of a page, and encoded for all questions", f"{costs.tiles}, {costs.encoded}"],
        ["prompt tokens read by each question", ", ".join(map(str, costs.read))],
    ]
    return markdown_table(["", f"median of {len(costs.one)} rounds"], rows)


def _run(options: argparse.Namespace) -> int:
    checkpoint = options.checkpoint or default_checkpoint(
        DEFAULT_CONFIG, "random", options.backend in ("auto", "onnx"), notice
    )
    with SmolVLM.load(
        checkpoint, backend=options.backend, precision=options.precision, cache=options.cache
    ) as vlm:
        costs = measure(vlm, options.rounds)
        print(f"{vlm!r} on {machine_facts()['cpu']}, cache={options.cache}\n\n{table(costs)}")
    return 0 if costs.ratio <= BAR else FAILED


main = Command("many_questions", __doc__, _run)
main.add_argument("checkpoint", nargs="?", type=Path, help="folder; built where none is named")
main.add_argument("--backend", default="auto")
main.add_argument("--precision", default="auto")
main.add_argument("--rounds", type=int, default=5)
main.add_argument("--no-cache", dest="cache", action="store_false", help="keep nothing")

if __name__ == "__main__":
    sys.exit(main())
