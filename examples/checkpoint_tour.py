"""What a checkpoint makes of five images: a scene, a receipt, a photograph, a chart, a letter.

    python examples/checkpoint_tour.py 256m
    python examples/checkpoint_tour.py 256m 500m --json

Prints what was asked, what came, and how long it took here; `expected` is a word of what a reader
of the image would say. The toy inside the package, "embedded", knows scenes and short print alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smolvlm_tools import SmolVLM, VisionResult

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Stop:
    """An image, what is asked of it, and a word of the right answer."""

    image: str
    task: str
    question: str
    expected: str


TOUR = (
    Stop("images/shapes.png", "describe", "", "circle"),
    Stop("images/shapes.png", "ask", "What color is the circle?", "red"),
    Stop("images/receipt.png", "transcribe", "", "COFFEE"),
    Stop("images/receipt.png", "ask", "What is the total?", "7.50"),
    Stop("tour_images/cat.jpg", "describe", "", "cat"),
    Stop("tour_images/cat.jpg", "ask", "What animal is this?", "cat"),
    Stop("tour_images/chart.png", "ask", "Which month had the most visitors?", "March"),
    Stop("tour_images/chart.png", "ask", "How many visitors came in April?", "150"),
    Stop("tour_images/letter.png", "transcribe", "", "sextant"),
    Stop("tour_images/letter.png", "ask", "For how much is it insured?", "8,400"),
)


def visit(vlm: SmolVLM, stop: Stop) -> VisionResult:
    """Ask what is asked there."""
    image = HERE / stop.image
    if stop.task == "ask":
        return vlm.ask(image, stop.question, max_new_tokens=64)
    if stop.task == "describe":
        return vlm.describe(image, max_new_tokens=128)
    return vlm.transcribe(image, max_new_tokens=256)


def tour(name: str) -> Iterator[dict[str, Any]]:
    """One record for each stop, as soon as it is answered."""
    with SmolVLM.load(name) as vlm:
        for stop in TOUR:
            result = visit(vlm, stop)
            yield {
                "model": result.model,
                **asdict(stop),
                "text": result.text,
                "finish_reason": result.finish_reason,
                "flags": result.flags,
                "prompt_tokens": result.usage.prompt_tokens,
                "completion_tokens": result.usage.completion_tokens,
                "seconds": round(result.usage.seconds.total, 2),
                "has_expected": stop.expected.lower() in result.text.lower(),
            }


def shown(record: dict[str, Any]) -> str:
    """A record for people."""
    asked = record["question"] or record["task"]
    text = "\n".join(f"    {line}" for line in str(record["text"]).splitlines() or [""])
    notes = ["has" if record["has_expected"] else "lacks", repr(record["expected"])]
    notes += [str(flag) for flag in record["flags"]]
    head = f"{record['model']} · {record['image']} · {asked} ({record['seconds']} s)"
    return f"{head}\n{text}\n    [{' '.join(notes)}]"


def main() -> None:
    """Take each checkpoint around."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="alias, hub id or folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    for name in arguments.models:
        for record in tour(name):
            print(json.dumps(record) if arguments.json else shown(record), flush=True)


if __name__ == "__main__":
    main()
