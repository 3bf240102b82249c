"""Typed answers beside free text on held-out pictures, and what their confidence is worth.

    python -m benchmarks.calibration
    python -m benchmarks.calibration --plot docs/images/reliability.png

Asks the embedded checkpoint about coloured shapes and printed numbers, and for the fields of small
forms (`calibration_samples`). Every question is put twice: for free text, which is right if it is
exactly the answer, and for a typed value. Fields are extracted at once, and judged one by one by
their own confidence. Exit code 1 says that typed answers did worse than free text in a kind of
question, or that the AUROC of all questions or of all fields is below 0.8.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers.reliability import (
    Scored,
    accuracy,
    auroc,
    auroc_interval,
    calibration_error,
    keep,
)
from benchmarks.answers.samples import SEED, TYPES, Form, Sample, forms, samples
from benchmarks.command import exit_code
from smolvlm_tools import SmolVLM

LEAST_AUROC = 0.8
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
FAILED = 1


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


@dataclass(frozen=True, slots=True)
class Extracted:
    """The fields of one form.

    Attributes:
        fields: confidence of each, and whether it was right.
        whole: confidence of the whole, and whether every field was right.
    """

    fields: list[Scored]
    whole: Scored


def measure(vlm: SmolVLM, count: int = 500, seed: int = SEED) -> list[Outcome]:
    """Ask everything twice."""
    return [ask_both(vlm, sample) for sample in samples(count, seed)]


def measure_fields(vlm: SmolVLM, count: int = 250, seed: int = SEED) -> list[Extracted]:
    """Extract the fields of forms."""
    return [extract(vlm, form) for form in forms(count, seed)]


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


def extract(vlm: SmolVLM, form: Form) -> Extracted:
    """The fields of one form; a number has to be the number."""
    result = vlm.extract(form.image, form.schema)
    sure = result.field_confidence or {}
    fields = [
        (sure[f"/{key}"], type(said) is type(wanted) and said == wanted)
        for key, wanted in form.fields.items()
        for said in [result.value[key]]
    ]
    return Extracted(fields, (result.confidence, all(right for _, right in fields)))


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


def fields_table(found: Sequence[Extracted]) -> str:
    """Fields by their own confidence, and whole forms by theirs, as Markdown."""
    lines = [
        "| `extract` | | right | AUROC (95 %) | mean confidence | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    fields = [field for each in found for field in each.fields]
    whole = [each.whole for each in found]
    rows = {"field, by `field_confidence`": fields, "form, by `confidence`": whole}
    for name, scored in rows.items():
        mean = sum(confidence for confidence, _ in scored) / len(scored)
        lines.append(
            f"| {name} | {len(scored)} | {accuracy(scored):.1%} | {show_auroc(scored, True)} | "
            f"{mean:.3f} | {calibration_error(scored):.3f} |"
        )
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


def shortfalls(outcomes: Sequence[Outcome], extracted: Sequence[Extracted]) -> list[str]:
    """What is not as it should be, in words."""
    found: list[str] = []
    for kind, each in by_kind(outcomes).items():
        free, typed = accuracy([one.free for one in each]), accuracy([one.typed for one in each])
        if typed < free:
            found.append(f"{kind}: typed answers are right in {typed:.1%}, free text in {free:.1%}")
    judged = {
        "typed answers": [each.typed for each in outcomes],
        "fields": [field for each in extracted for field in each.fields],
    }
    for name, scored in judged.items():
        overall = auroc(scored)
        if overall is not None and overall < LEAST_AUROC:
            found.append(f"AUROC of all {name} is {overall:.3f}, below {LEAST_AUROC}")
    return found


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=500, help="questions (500)")
    parser.add_argument("--forms", type=int, default=250, help="forms to extract (250)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the pictures ({SEED})")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--plot", type=Path, help="write the reliability plot here (PNG or SVG)")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Measure, print, plot."""
    if args.plot:
        from benchmarks.speed.plot import require_matplotlib

        require_matplotlib()
    with SmolVLM.load("embedded", backend=args.backend, precision=args.precision) as vlm:
        outcomes = measure(vlm, args.count, args.seed)
        extracted = measure_fields(vlm, args.forms, args.seed)
        print(f"{vlm!r}, {len(outcomes)} questions, {len(extracted)} forms, seed {args.seed}\n")
    print(kinds_table(outcomes), end="\n\n")
    print(fields_table(extracted), end="\n\n")
    print(thresholds_table(outcomes))
    if args.plot:
        from benchmarks.answers.plot import write_reliability

        write_reliability(
            args.plot, {k: [e.typed for e in v] for k, v in by_kind(outcomes).items()}
        )
    missed = shortfalls(outcomes, extracted)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return FAILED if missed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return exit_code(lambda: run(parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
