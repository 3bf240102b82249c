"""Runs one measurement on a GPU, in a process of its own, and prints it as JSON.

`gpu_check` starts it: every process begins with an empty allocator and no CUDA context.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.memory import CudaGpu
from benchmarks.gpu.runs import RUNS
from benchmarks.gpu.task import GpuTask
from smolvlm_tools.errors import SmolVLMError

MODEL_UNAVAILABLE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was measured as one line, or an error as `{"error": text, "code": code}`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.worker")
    parser.add_argument("group", choices=tuple(RUNS))
    parser.add_argument("argument")
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("device")
    options = parser.parse_args(arguments)
    gpu = CudaGpu(options.device)
    task = GpuTask.of(options.folder, options.images, options.device, options.argument, gpu)
    try:
        found = RUNS[options.group](task)
    except SmolVLMError as error:
        print(json.dumps({"error": str(error), "code": error.code}))
        return MODEL_UNAVAILABLE
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
