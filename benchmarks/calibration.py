"""Compares typed answers with free text on held-out pictures, and judges their confidence.

    python -m benchmarks.calibration
    python -m benchmarks.calibration --plot docs/images/reliability.png
    python -m benchmarks.calibration --calibrate --count 1500 --forms 750

Asks the embedded checkpoint about coloured shapes and printed numbers, and for the fields of small
forms (`answers/samples.py`). Every question is asked twice: for free text, which is right if it is
exactly the answer, and for a typed value. The fields of a form are extracted together and judged
one by one by their own confidence. Exit code 1 says that typed answers did worse than free text in
some kind of question, or that the AUROC of all questions or of all fields is below 0.8.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers.calibrated import run_calibrated
from benchmarks.answers.plot import write_reliability
from benchmarks.answers.samples import SEED, TYPES, forms, samples
from benchmarks.command import FAILED, Command, notice
from benchmarks.plotting import pyplot
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM
from smolvlm_tools.quality import reliability
from smolvlm_tools.quality.reliability import Scored, accuracy, auroc, keep

LEAST_AUROC = 0.8
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, asked for free text and for a typed value."""

    kind: str
    free: Scored
    typed: Scored


@dataclass(frozen=True, slots=True)
class Extracted:
    """The fields of one form, and the whole, which is right if every field is."""

    fields: list[Scored]
    whole: Scored


def measure(vlm: SmolVLM, count: int = 500, seed: int = SEED) -> list[Outcome]:
    """Ask everything for free text and for a typed value."""
    found: list[Outcome] = []
    for each in samples(count, seed):
        free = vlm.ask(each.image, each.question)
        typed = vlm.ask(each.image, each.question, answer=TYPES[each.kind])
        free_right, typed_right = free.text.strip() == each.answer, same(typed.value, each.value)
        scored = (free.confidence, free_right), (typed.confidence, typed_right)
        found.append(Outcome(each.kind, *scored))
    return found


def measure_fields(vlm: SmolVLM, count: int = 250, seed: int = SEED) -> list[Extracted]:
    """Extract the fields of forms."""
    found: list[Extracted] = []
    for form in forms(count, seed):
        result = vlm.extract(form.image, form.schema)
        sure, said = result.field_confidence or {}, result.value
        fields = [(sure[f"/{key}"], same(said[key], value)) for key, value in form.fields.items()]
        found.append(Extracted(fields, (result.confidence, all(right for _, right in fields))))
    return found


def same(said: object, wanted: object) -> bool:
    """Whether a value is the wanted one, of the same type: 1 is neither 1.0 nor true."""
    return type(said) is type(wanted) and said == wanted


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of every kind, and of all together."""
    kinds = {kind: [each for each in outcomes if each.kind == kind] for kind in TYPES}
    return {kind: found for kind, found in kinds.items() if found} | {"all": list(outcomes)}


def kinds_table(outcomes: Sequence[Outcome]) -> str:
    """One row a kind, as Markdown."""
    head = ["questions", "", "free text right", "typed right", "AUROC of free text"]
    head += ["AUROC of typed (95 %)", "mean confidence", "calibration error"]
    rows: list[list[object]] = []
    for kind, found in by_kind(outcomes).items():
        free, typed = [each.free for each in found], [each.typed for each in found]
        right = [f"{accuracy(free):.1%}", f"{accuracy(typed):.1%}"]
        rows.append([kind, len(found), *right, show_auroc(free), *_figures(typed)])
    return markdown_table(head, rows)


def fields_table(found: Sequence[Extracted]) -> str:
    """Fields by their own confidence, and whole forms by theirs, as Markdown."""
    head = ["`extract`", "", "right", "AUROC (95 %)", "mean confidence", "calibration error"]
    groups = {
        "field, by `field_confidence`": [field for each in found for field in each.fields],
        "form, by `confidence`": [each.whole for each in found],
    }
    rows = [
        [name, len(scored), f"{accuracy(scored):.1%}", *_figures(scored)]
        for name, scored in groups.items()
    ]
    return markdown_table(head, rows)


def _figures(scored: Sequence[Scored]) -> list[str]:
    """AUROC with its interval, mean confidence, calibration error."""
    mean = sum(confidence for confidence, _ in scored) / len(scored)
    error = reliability.calibration_error(scored)
    return [show_auroc(scored, interval=True), f"{mean:.3f}", f"{error:.3f}"]


def show_auroc(scored: Sequence[Scored], interval: bool = False) -> str:
    """The AUROC as text; a dash where all answers are right, or all wrong."""
    value = auroc(scored)
    if value is None:
        return "-"
    if not interval:
        return f"{value:.3f}"
    low, high = reliability.auroc_interval(scored)
    return f"{value:.3f} ({low:.2f} to {high:.2f})"


def thresholds_table(outcomes: Sequence[Outcome]) -> str:
    """What every `min_confidence` leaves of each kind, as Markdown."""
    groups = by_kind(outcomes)
    head = ["min_confidence"]
    for kind in groups:
        head += [f"{kind}: answered", "right"]
    rows: list[list[str]] = []
    for threshold in THRESHOLDS:
        cells = [f"{threshold:g}"]
        for found in groups.values():
            kept = keep([each.typed for each in found], threshold)
            right = "-" if kept.accuracy is None else f"{kept.accuracy:.1%}"
            cells += [f"{kept.coverage:.0%}", right]
        rows.append(cells)
    return markdown_table(head, rows)


def shortfalls(outcomes: Sequence[Outcome], extracted: Sequence[Extracted]) -> list[str]:
    """The targets that were missed, in words."""
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


def _run(options: argparse.Namespace) -> int:
    if options.plot:
        pyplot()
    with SmolVLM.load("embedded", backend=options.backend, precision=options.precision) as vlm:
        if options.calibrate:
            return run_calibrated(vlm, options)
        outcomes = measure(vlm, options.count, options.seed)
        extracted = measure_fields(vlm, options.forms, options.seed)
        print(f"{vlm!r}, {len(outcomes)} questions, {len(extracted)} forms, seed {options.seed}\n")
    print(kinds_table(outcomes), end="\n\n")
    print(fields_table(extracted), end="\n\n")
    print(thresholds_table(outcomes))
    if options.plot:
        write_reliability(options.plot, [each.typed for each in outcomes])
    missed = shortfalls(outcomes, extracted)
    for line in missed:
        notice(f"missed: {line}")
    return FAILED if missed else 0


main = Command("calibration", __doc__, _run)
main.add_argument("--count", type=int, default=500, help="questions (500)")
main.add_argument("--forms", type=int, default=250, help="forms to extract (250)")
main.add_argument("--seed", type=int, default=SEED, help=f"of the pictures ({SEED})")
main.add_argument("--backend", default="auto")
main.add_argument("--precision", default="auto")
main.add_argument("--calibrate", action="store_true", help="measure `smolvlm calibrate` instead")
main.add_argument("--plot", type=Path, help="write the reliability plot here (PNG or SVG)")

if __name__ == "__main__":
    sys.exit(main())
