"""Predicts the memory of every model, precision and image, on a CPU and on a GPU; loads nothing.

    python -m benchmarks.memory.predict

Prints the table of docs/memory.md. On a CPU the figures are for a whole fresh process, on a GPU for
torch's allocator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from benchmarks.command import Command
from benchmarks.memory.rows import SIZES
from benchmarks.paths import CHECKPOINTS
from benchmarks.prompts import ICON_SIZE, PAGE_SIZE, PHOTO_SIZE, QUESTION
from benchmarks.tables import markdown_lines
from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.onnx.files import PARTS
from smolvlm_tools.backends.registry import footprint_of, spec_of
from smolvlm_tools.backends.torch.names import defaults
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.engine.planner import open_layouter
from smolvlm_tools.images import LoadedImage
from smolvlm_tools.machine.meter import resident
from smolvlm_tools.memory.predict import predict
from smolvlm_tools.prompt.layout import RequestLayouter
from smolvlm_tools.prompt.request import Request, parse_options
from smolvlm_tools.prompt.tasks import task_messages

SIZES_PX = {"icon": ICON_SIZE, "photo": PHOTO_SIZE, "page": PAGE_SIZE}
CPU_TORCH = ("fp32", "bf16", "int8", "q4", "bnb-int8", "bnb-nf4", "torchao-int8", "quanto-int8")
CUDA_TORCH = ("fp32", "bf16", "bnb-int8", "bnb-nf4", "torchao-int8", "quanto-int8")


def setups(config: ModelConfig) -> Iterator[Setup]:
    """Every backend, device and precision of the table."""
    for name in ("fp32", "int8", "q4"):
        yield Setup(config, "onnx", "cpu", dict.fromkeys(PARTS, name))
    for device, names in (("cpu", CPU_TORCH), ("cuda", CUDA_TORCH)):
        for name in names:
            yield Setup(config, "torch", device, defaults(name))


def rows(size: str, folder: Path, process: int) -> Iterator[tuple[str, ...]]:
    """Device, model, precision, and MB for each image."""
    layouter = open_layouter(open_checkpoint(folder), None, CacheLimits())
    for setup in setups(layouter.checkpoint.config):
        peaks = [f"{_peak(layouter, setup, px, process) / 1e6:.0f}" for px in SIZES_PX.values()]
        yield setup.device, size, f"{setup.backend} {setup.precision['decoder']}", *peaks


def _peak(layouter: RequestLayouter, setup: Setup, size: tuple[int, int], process: int) -> int:
    request = Request(task_messages("", "ask", QUESTION), parse_options({}), "auto", "ask")
    layout = layouter.cut(request, (LoadedImage(_no_pixels, "", size),))
    load = layouter.workload(layout, request.options.max_new_tokens)
    tiles = spec_of(setup.backend).tiles_per_batch(setup.device)
    before = process if setup.on_host else 0
    return predict(footprint_of(setup), load, tiles, CacheLimits(), before, host=setup.on_host).peak


def _no_pixels() -> NoReturn:
    raise AssertionError("nothing is decoded here")


def _run(options: argparse.Namespace) -> int:
    found = (
        row
        for size, name in SIZES.items()
        for row in rows(size, options.configs / name, resident().now())
    )
    for line in markdown_lines(["device", "model", "precision", *SIZES_PX], found, left=3):
        print(line)
    return 0


main = Command("memory.predict", __doc__, _run)
main.add_argument(
    "--configs",
    type=Path,
    default=CHECKPOINTS,
    metavar="FOLDER",
    help=f"has the folders {', '.join(SIZES.values())} (config and tokenizer files suffice)",
)

if __name__ == "__main__":
    sys.exit(main())
