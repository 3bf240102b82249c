"""Typed answers beside free text on held-out pictures, and what their confidence is worth.

    python -m benchmarks.calibration
    python -m benchmarks.calibration --plot docs/images/reliability.png

Asks the embedded checkpoint about coloured shapes, from seeds that nothing else uses: not its
training, not `examples/embedded_model/evaluate.py`, not `smolvlm quality`. Every question is put
twice: for free text, which is right if it is exactly the answer, and for a typed value. Exit code 1
says that typed answers did worse than free text in a kind of question, or that the AUROC of all
kinds together is below 0.8.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from benchmarks.command import exit_code
from benchmarks.files import ROOT
from benchmarks.reliability import (
    Scored,
    accuracy,
    auroc,
    auroc_interval,
    calibration_error,
    keep,
)
from smolvlm_tools import SmolVLM

sys.path.append(str(ROOT / "examples" / "embedded_model"))  # scripts, not a package

from held_out import SHORT, scene
from render import COLOURS, SHAPES

SEED = 83_000_000
DEVELOPMENT_SEED = 84_000_000
"""For whoever changes prompts or confidences: `SEED` measures, it is not to be tuned on."""

LEAST_AUROC = 0.8
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
FAILED = 1
TYPES: dict[str, Any] = {
    "yes/no": bool,
    "count": int,
    "colour": Literal[tuple(COLOURS)],
    "shape": Literal[SHAPES],
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, a question and its answer as text."""

    image: Image.Image
    kind: str
    question: str
    answer: str

    @property
    def value(self) -> bool | int | str:
        """The answer as the type of its kind."""
        if self.kind == "yes/no":
            return self.answer == "yes"
        return int(self.answer) if self.kind == "count" else self.answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, asked for text and for a value.

    Attributes:
        kind: of the question.
        free: confidence of the text, and whether it was right.
        typed: confidence of the value, and whether it was right.
    """

    kind: str
    free: Scored
    typed: Scored


def samples(count: int, seed: int) -> Iterator[Sample]:
    """Questions of all kinds in turn, each about a picture of its own."""
    rng, made = random.Random(seed), 0
    while made < count:
        picture = scene(rng)
        turn = SHORT[made % len(SHORT)](rng, picture)
        if turn is not None:  # some pictures leave nothing to ask
            made += 1
            yield Sample(picture.image, turn.kind, turn.question, turn.answer)


def measure(vlm: SmolVLM, count: int = 500, seed: int = SEED) -> list[Outcome]:
    """Ask everything twice."""
    return [ask_both(vlm, sample) for sample in samples(count, seed)]


def ask_both(vlm: SmolVLM, sample: Sample) -> Outcome:
    """Free text and typed value of one question."""
    free = vlm.ask(sample.image, sample.question)
    typed = vlm.ask(sample.image, sample.question, answer=TYPES[sample.kind])
    right = type(typed.value) is type(sample.value) and typed.value == sample.value
    return Outcome(
        sample.kind,
        (free.confidence, free.text.strip() == sample.answer),
        (typed.confidence, right),
    )


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of every kind, and of all together."""
    kinds = {kind: [each for each in outcomes if each.kind == kind] for kind in TYPES}
    return {**{kind: found for kind, found in kinds.items() if found}, "all": list(outcomes)}


def kinds_table(outcomes: Sequence[Outcome]) -> str:
    """One row a kind, as Markdown."""
    lines = [
        "| questions | | free text right | typed right | AUROC of free text | AUROC of typed "
        "(95 %) | mean confidence | calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, found in by_kind(outcomes).items():
        free, typed = [each.free for each in found], [each.typed for each in found]
        cells = [
            kind,
            len(found),
            f"{accuracy(free):.1%}",
            f"{accuracy(typed):.1%}",
            show_auroc(free),
            show_auroc(typed, interval=True),
            f"{sum(confidence for confidence, _ in typed) / len(typed):.3f}",
            f"{calibration_error(typed):.3f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def show_auroc(scored: Sequence[Scored], interval: bool = False) -> str:
    """The AUROC, with its interval if wanted; a dash where all answers are right, or all wrong."""
    value = auroc(scored)
    if value is None:
        return "-"
    if not interval:
        return f"{value:.3f}"
    low, high = auroc_interval(scored)
    return f"{value:.3f} ({low:.2f} to {high:.2f})"


def thresholds_table(outcomes: Sequence[Outcome]) -> str:
    """What every `min_confidence` leaves of each kind, as Markdown."""
    groups = by_kind(outcomes)
    head = "".join(f" {kind}: answered | right |" for kind in groups)
    lines = [f"| min_confidence |{head}", "|---|" + "---|---|" * len(groups)]
    for threshold in THRESHOLDS:
        cells = [f"{threshold:g}"]
        for found in groups.values():
            kept = keep([each.typed for each in found], threshold)
            cells += [
                f"{kept.coverage:.0%}",
                "-" if kept.accuracy is None else f"{kept.accuracy:.1%}",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def shortfalls(outcomes: Sequence[Outcome]) -> list[str]:
    """What is not as it should be, in words."""
    found: list[str] = []
    for kind, each in by_kind(outcomes).items():
        free, typed = accuracy([one.free for one in each]), accuracy([one.typed for one in each])
        if typed < free:
            found.append(f"{kind}: typed answers are right in {typed:.1%}, free text in {free:.1%}")
    overall = auroc([each.typed for each in outcomes])
    if overall is None or overall < LEAST_AUROC:
        found.append(f"AUROC of all typed answers is {overall}, below {LEAST_AUROC}")
    return found


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=500, help="questions (500)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the pictures ({SEED})")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--plot", type=Path, help="write the reliability plot here (PNG or SVG)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Measure, print, plot."""
    if args.plot:
        from benchmarks.plot import require_matplotlib

        require_matplotlib()
    with SmolVLM.load("embedded", backend=args.backend, precision=args.precision) as vlm:
        outcomes = measure(vlm, args.count, args.seed)
        print(f"{vlm!r}, {len(outcomes)} questions, seed {args.seed}\n")
    print(kinds_table(outcomes), end="\n\n")
    print(thresholds_table(outcomes))
    if args.plot:
        from benchmarks.reliability_plot import write_reliability

        write_reliability(
            args.plot, {k: [e.typed for e in v] for k, v in by_kind(outcomes).items()}
        )
    missed = shortfalls(outcomes)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return FAILED if missed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return exit_code(lambda: run(parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
