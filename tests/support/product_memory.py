"""What products of a matrix take of torch's allocator, measured with its profiler.

`python -m tests.support.product_memory KIND…` prints it as JSON for a CPU with AVX2 at most, when
the environment is `AVX2_ONLY`: torch and oneDNN heed that on any x86 CPU.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from smolvlm_tools.backends.torch.formats.format import THREADS
from smolvlm_tools.backends.torch.formats.linear import make_matrix
from smolvlm_tools.backends.torch.names import parse_kinds
from smolvlm_tools.backends.torch.plan import make_plan
from smolvlm_tools.machine.cpu import CpuFeatures
from tests.support.cpus import AVX2

AVX2_ONLY = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
SHAPES = [(1536, 576), (576, 1536), (2048, 192)]
ROWS = [1, 8, 200]


@dataclass(frozen=True)
class Product:
    """One measurement: bytes held at the peak above those of the argument and the result."""

    shape: tuple[int, int]
    rows: int
    activation_bytes: int
    needed: int


def measure(kind: str, cpu: CpuFeatures) -> Iterator[Product]:
    """Products of every shape with every number of rows, as the backend would compute on `cpu`."""
    plan = make_plan(parse_kinds(kind), "cpu", cpu)
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        for shape in SHAPES:
            weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
            with torch.inference_mode():
                matrix = make_matrix(weight.bfloat16(), None, kind, plan)
            for rows in ROWS:
                x = torch.randn((rows, shape[1])).to(plan.activations)
                with torch.inference_mode():
                    peak, y = allocated(lambda: matrix(x))  # noqa: B023
                size = plan.activations.itemsize
                yield Product(shape, rows, size, peak - y.numel() * size)
    finally:
        torch.set_num_threads(threads)


def allocated(compute: Callable[[], torch.Tensor]) -> tuple[int, torch.Tensor]:
    """The most bytes that torch's allocator held during a call above what it held before."""
    compute()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        result = compute()
    events: Any = run.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    held = np.cumsum([count for _, count in sorted(changes, key=lambda change: change[0])])
    return int(held.max(initial=0)), result


def main() -> None:
    """Runs the command line."""
    from torchao.kernel import intmm

    intmm._cpu_is_vnni_supported = lambda: False  # it asks the CPU itself
    print(json.dumps({k: [asdict(each) for each in measure(k, AVX2)] for k in sys.argv[1:]}))


if __name__ == "__main__":
    main()
