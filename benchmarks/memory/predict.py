"""What every model, precision and image is predicted to take, on a CPU and on a GPU; loads nothing.

    python -m benchmarks.memory.predict

Prints the table of docs/memory.md. On a CPU the figures are of a whole fresh process, on a GPU of
torch's allocator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.checkpoints.files import CHECKPOINTS
from benchmarks.command import exit_code
from benchmarks.memory.rows import SIZES
from benchmarks.prompts import ICON_SIZE, PAGE_SIZE, PHOTO_SIZE, QUESTION
from smolvlm_tools.backends.footprint import Setup, footprint_of
from smolvlm_tools.backends.onnx.files import PARTS
from smolvlm_tools.backends.torch.backend import TILES_PER_BATCH
from smolvlm_tools.backends.torch.names import defaults
from smolvlm_tools.cache import CacheLimits
from smolvlm_tools.checkpoint import open_checkpoint
from smolvlm_tools.engine.loading import open_reader, this_process
from smolvlm_tools.images import LoadedImage
from smolvlm_tools.memory.predict import predict
from smolvlm_tools.prompt.request import Request, parse_options
from smolvlm_tools.prompt.tasks import task_messages

SIZES_PX = {"icon": ICON_SIZE, "photo": PHOTO_SIZE, "page": PAGE_SIZE}
CPU_TORCH = ("fp32", "bf16", "int8", "q4", "bnb-int8", "bnb-nf4", "torchao-int8", "quanto-int8")
CUDA_TORCH = ("fp32", "bf16", "bnb-int8", "bnb-nf4", "torchao-int8", "quanto-int8")


def setups(reader: RequestLayouter) -> Iterator[Setup]:
    """Every way that the table has."""
    config = reader.checkpoint.config
    for name in ("fp32", "int8", "q4"):
        yield Setup(config, "onnx", "cpu", dict.fromkeys(PARTS, name))
    for device, names in (("cpu", CPU_TORCH), ("cuda", CUDA_TORCH)):
        for name in names:
            yield Setup(config, "torch", device, defaults(name))


def rows(size: str, folder: Path, process: int) -> Iterator[tuple[str, ...]]:
    """Device, model, precision, and MB for each image."""
    reader = open_reader(open_checkpoint(folder), None, CacheLimits())
    for setup in setups(reader):
        peaks = [f"{_peak(reader, setup, px, process) / 1e6:.0f}" for px in SIZES_PX.values()]
        yield setup.device, size, f"{setup.backend} {_name(setup.precision)}", *peaks


def _peak(reader: RequestLayouter, setup: Setup, size: tuple[int, int], process: int) -> int:
    request = Request(task_messages("", "ask", QUESTION), parse_options({}), "auto", "ask")
    layout = reader.cut(request, (LoadedImage(_no_pixels, "", size),))
    load = reader.workload(layout, request.options.max_new_tokens)
    tiles = TILES_PER_BATCH[setup.kind] if setup.backend == "torch" else 1
    resident = process if setup.on_host else 0
    footprint = footprint_of(setup)
    return predict(footprint, load, tiles, CacheLimits(), resident, host=setup.on_host).peak


def _name(precision: Mapping[str, str]) -> str:
    return precision["decoder"]


def _no_pixels() -> None:
    raise AssertionError("nothing is decoded here")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table as markdown; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory.predict")
    parser.add_argument(
        "--configs",
        type=Path,
        default=CHECKPOINTS,
        metavar="FOLDER",
        help=f"holds the folders {', '.join(SIZES.values())} (config and tokenizer files suffice)",
    )
    options = parser.parse_args(arguments)

    def run() -> int:
        print(f"| device | model | precision | {' | '.join(SIZES_PX)} |")
        print(f"|---|---|---|{'---:|' * len(SIZES_PX)}")
        for size, name in SIZES.items():
            process = this_process().resident
            for row in rows(size, options.configs / name, process):
                print(f"| {' | '.join(row)} |")
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
