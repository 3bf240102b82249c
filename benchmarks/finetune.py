"""Tokens per second of `smolvlm finetune` and of TRL's SFTTrainer: same data, weights and device.

    pip install --target TRL --no-deps trl datasets dill multiprocess
    python -m benchmarks.finetune CHECKPOINT --trl TRL

Both adapt the same layers of the same checkpoint in fp32, with the loss on answers alone, and cut
images to the same tiles. A process of its own for each; first they take turns, then rates are
compared. Loading is not counted; the first epoch is also given by itself, as frozen images are seen
by the model once in ours.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.command import FAILED, Command, notice
from benchmarks.process import Answer, measure_fresh
from benchmarks.training.runs import measure_ours, measure_trl


def _run(options: argparse.Namespace) -> int:
    wish = {
        "folder": str(options.checkpoint.resolve()),
        "side": options.side,
        "samples": options.samples,
        "epochs": options.epochs,
        "batch": options.batch,
    }
    limits = {"OMP_NUM_THREADS": str(options.threads)}
    found: dict[str, list[Answer]] = {"ours": [], "trl": []}
    for at in range(options.runs):
        for name, measure, more in (
            ("ours", measure_ours, {}),
            ("trl", measure_trl, {"trl": str(options.trl.resolve())}),
        ):
            notice(f"run {at + 1}: {name}")
            answer = measure_fresh(measure, wish | more, options.timeout, limits)
            if "error" in answer:
                notice(f"error: {answer['error']}")
                return FAILED
            found[name].append(answer)
    tokens = found["ours"][0]["tokens"]
    print("| | tokens/s, all epochs | first epoch | loss, first and last epoch |")
    print("|---|---|---|---|")
    for name, answers in found.items():
        best = min(answers, key=lambda each: sum(each["seconds"]))
        seconds, losses = best["seconds"], best["losses"]
        whole, first = tokens * options.epochs / sum(seconds), tokens / seconds[0]
        print(f"| {name} | {whole:.1f} | {first:.1f} | {losses[0]:.3f}, {losses[-1]:.3f} |")
    return 0


def _parser() -> Command:
    parser = Command("finetune", __doc__, _run)
    parser.add_argument("checkpoint", type=Path, help="a folder with safetensors")
    parser.add_argument("--trl", type=Path, required=True, help="folder that trl is installed in")
    parser.add_argument("--side", type=int, default=1, help="tiles along an image's longest edge")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--runs", type=int, default=1, help="of each side, by turns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for a run")
    return parser


if __name__ == "__main__":
    sys.exit(_parser()())
