"""What quantization costs in quality, beside what it gains in speed, on one checkpoint.

    python -m benchmarks.make_checkpoint CONFIG --out FOLDER --decoder smollm2 --onnx fp32,int8,q4
    python -m benchmarks.quality FOLDER
    python -m benchmarks.quality FOLDER --engines onnx:int8,openvino:int8 --parts text --json

Every engine reads the same text through the `Backend` protocol: token by token (the kernels of
decoding), and in one pass (those of prefill) up to every 32nd position. The reference is onnx fp32.
SmolLM2's weights here come from a 4-bit file, so they flatter 4-bit quantization. The vision tower
of such a checkpoint is random: its feature error is a bound on noise, not a loss of accuracy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.command import exit_code
from benchmarks.divergence import Divergence, compare
from benchmarks.reading import (
    PARTS,
    PROMPTS,
    REPLY_TOKENS,
    Reading,
    prefixes,
    read,
    text_ids,
)
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.errors import BadOptions

REFERENCE = "onnx:fp32"
ENGINES = ("onnx:int8", "onnx:q4")
MEAN_KL_BOUND, PERPLEXITY_BOUND = 0.01, 0.01
"""What a default precision must keep to, in both ways of reading; see docs/adr/0005."""


@dataclass(frozen=True, slots=True)
class TextQuality:
    """How one engine's text differs from the reference's.

    Attributes:
        step: the passage read token by token.
        prefill: prefixes of it read in one pass.
        same_replies: greedy replies that are the same to the end.
        same_reply_tokens: tokens before two replies part, on average.
    """

    step: Divergence
    prefill: Divergence
    same_replies: int
    same_reply_tokens: float

    @property
    def within_bounds(self) -> bool:
        return all(
            each.mean_kl <= MEAN_KL_BOUND and each.perplexity_rise <= PERPLEXITY_BOUND
            for each in (self.step, self.prefill)
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """One engine against the reference; None for parts that were left out.

    Attributes:
        feature_error: |features - reference| / |reference| of the vision tower.
        decode: tokens a second by context length.
    """

    engine: str
    text: TextQuality | None
    feature_error: float | None
    decode: dict[int, float] | None


def judge(engine: str, reference: Reading, found: Reading, ids: NDArray[np.int64]) -> Quality:
    """Compare one engine's reading with the reference's; `ids` is the passage."""
    text = error = None
    if reference.text and found.text:
        pairs = zip(reference.text.replies, found.text.replies, strict=True)
        same = [_common(left, right) for left, right in pairs]
        ends = ids[list(prefixes(ids))]
        text = TextQuality(
            step=compare(reference.text.stepped, found.text.stepped, ids[1:]),
            prefill=compare(reference.text.prefilled, found.text.prefilled, ends),
            same_replies=sum(count == REPLY_TOKENS for count in same),
            same_reply_tokens=statistics.mean(same),
        )
    if reference.features is not None and found.features is not None:
        difference = np.linalg.norm(found.features - reference.features)
        error = float(difference / np.linalg.norm(reference.features))
    return Quality(engine, text, error, found.decode)


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens two replies begin alike."""
    pairs = enumerate(zip(left, right, strict=True))
    return next((at for at, (a, b) in pairs if a != b), len(left))


def print_quality(rows: Sequence[Quality], positions: int) -> None:
    """A table of the distributions, and a line an engine for the rest."""
    console = Console(width=120)
    table = Table(
        title=f"{positions} positions; bounds: mean KL {MEAN_KL_BOUND} nats, "
        f"perplexity +{PERPLEXITY_BOUND:.0%}"
    )
    heads = ("engine", "read", "perplexity", "rise", "mean KL", "max KL", "same top", "in bounds")
    for head in heads:
        table.add_column(head, justify="left" if head in ("engine", "read") else "right")
    for row in rows:
        if row.text is None:
            continue
        verdict = "yes" if row.text.within_bounds else "no"
        for kind, each in (("by token", row.text.step), ("in one pass", row.text.prefill)):
            table.add_row(
                *(row.engine, kind, f"{each.perplexity:.3f}", f"{each.perplexity_rise:+.2%}"),
                *(f"{each.mean_kl:.5f}", f"{each.max_kl:.4f}", f"{each.same_top:.1%}", verdict),
            )
    if table.rows:
        console.print(table)
    for row in rows:
        console.print(f"{row.engine}: {'; '.join(_facts(row))}")


def _facts(row: Quality) -> list[str]:
    facts: list[str] = []
    if row.text:
        facts.append(
            f"{row.text.same_replies} of {len(PROMPTS)} greedy replies the same, "
            f"{row.text.same_reply_tokens:.1f} of {REPLY_TOKENS} tokens before they part"
        )
    if row.feature_error is not None:
        facts.append(f"image features off by {row.feature_error:.4f}")
    if row.decode:
        speeds = (f"{rate:.1f} tok/s at {at}" for at, rate in row.decode.items())
        facts.append(f"decodes {', '.join(speeds)}")
    return facts


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description="Perplexity, KL and greedy agreement of quantized engines against onnx fp32.",
    )
    parser.add_argument("checkpoint", help="folder with the ONNX files of every precision named")
    parser.add_argument("--engines", default=",".join(ENGINES), metavar="LIST")
    parser.add_argument("--parts", default=",".join(PARTS), metavar="LIST")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    parts = options.parts.split(",")
    for part in parts:
        if part not in PARTS:
            raise BadOptions(f"unknown part {part!r}", f"Use some of {', '.join(PARTS)}.")
    checkpoint = open_checkpoint(options.checkpoint)
    ids = text_ids(checkpoint)
    reference = read(checkpoint, REFERENCE, parts)
    rows = [judge(REFERENCE, reference, reference, ids)]
    for engine in options.engines.split(","):
        rows.append(judge(engine, reference, read(checkpoint, engine, parts), ids))
    if not options.json:
        print_quality(rows, len(ids) - 1)
    return {
        "checkpoint": checkpoint.id,
        "positions": len(ids) - 1,
        "bounds": {"mean_kl": MEAN_KL_BOUND, "perplexity_rise": PERPLEXITY_BOUND},
        "engines": [
            {**asdict(row), "within_bounds": row.text.within_bounds if row.text else None}
            for row in rows
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 ok, 2 options, 4 model, 130 Ctrl-C)."""
    options = _parse(arguments)

    def run() -> int:
        result = _run(options)
        if options.json:
            print(json.dumps(result, indent=2))
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
