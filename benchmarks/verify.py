"""Measures what checking model files costs, on the embedded checkpoint and on files made here.

    python -m benchmarks.verify --megabytes 256

Processor time, as other work on the machine lengthens the wall time; the least of several.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch

from benchmarks.command import Command
from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends.onnx.files import PARTS, needed_files
from smolvlm_tools.backends.torch.weights import all_finite
from smolvlm_tools.checkpoint.digests import digest_file
from smolvlm_tools.checkpoint.onnx_values import check_onnx_values

ROW = 1_000_000
"""Bytes of each tensor."""


def least(work: Callable[[], object], times: int) -> float:
    """Processor time in milliseconds."""
    found: list[float] = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def write_weights(folder: Path, megabytes: int) -> tuple[Path, Path]:
    """An ONNX graph with nothing but weights, and its data file."""
    values = np.random.default_rng(0).standard_normal(megabytes * ROW // 4, np.float32)
    graph, data = folder / "weights.onnx", folder / "weights.onnx_data"
    data.write_bytes(values.tobytes())
    tensors: list[onnx.TensorProto] = []
    for number in range(megabytes):
        tensor = onnx.TensorProto(name=f"w{number}", dims=[ROW // 4], data_type=1)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": data.name, "offset": number * ROW, "length": ROW}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], tensors)), graph)
    return graph, data


def run(options: argparse.Namespace) -> int:
    """Print one line for each thing measured."""
    size, times = options.megabytes, options.repeat
    checkpoint = open_checkpoint("embedded")
    for precision in ("int8", "fp32"):
        names = needed_files(checkpoint.files, dict.fromkeys(PARTS, precision))
        cost = least(lambda: checkpoint.fetch(names), 5 * times)  # noqa: B023
        print(f"embedded checkpoint, onnx {precision}, each load: {cost:.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        graph, data = write_weights(Path(folder), size)
        weights = torch.from_numpy(np.fromfile(data, np.float32))
        measured = {
            "first use, digest": lambda: digest_file(data),
            "ONNX fp32 without a digest, each load": lambda: check_onnx_values(graph),
            "torch fp32, each load": lambda: all_finite(weights),
        }
        for name, work in measured.items():
            print(f"{size} MB, {name}: {least(work, times):.0f} ms")
    return 0


main = Command("verify", __doc__, run)
main.add_argument("--megabytes", type=int, default=256, help="of the weights made here")
main.add_argument("--repeat", type=int, default=5, help="the least of so many")

if __name__ == "__main__":
    sys.exit(main())
