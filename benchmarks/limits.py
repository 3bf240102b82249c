"""Measures what this processor can do at best, and the limits that follow for a model.

    python -m benchmarks.limits

Each figure is the best of several runs: the limit is what the hardware gives at a good moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.checkpoints.files import require_checkpoint
from benchmarks.command import Command
from benchmarks.paths import DEFAULT_CHECKPOINT
from benchmarks.speed.rows import LONG_CONTEXT, PAGE_TILES
from smolvlm_tools.checkpoint.config import ModelConfig

EDGE = 2048  # of the multiplied matrices: 3 x 16 MB, beyond the caches
READ_BYTES = 512_000_000
RUNS = 7


@dataclass(frozen=True, slots=True)
class Work:
    """What one checkpoint has to compute and read, a prompt being of LONG_CONTEXT tokens."""

    tile_flop: float  # vision tower and connector
    prefill_flop: float  # decoder body and one row of logits
    step_weights: float  # of the token table one row only
    step_kv_bytes: float  # in float32


def work_of(config: ModelConfig) -> Work:
    """Counted from the shapes: two operations per multiply-add."""
    vision, text = config.vision, config.text
    patches = (vision.image_size // vision.patch_size) ** 2
    width = vision.hidden_size
    matrices = 4 * width**2 + 2 * width * vision.intermediate_size
    tile = vision.layers * (2 * patches * matrices + 4 * patches**2 * width)
    tile += 2 * patches * 3 * vision.patch_size**2 * width  # patch embedding
    tile += 2 * config.image.tokens_per_tile * width * config.scale_factor**2 * text.hidden_size
    queries, keys = text.heads * text.head_dim, text.kv_heads * text.head_dim
    body = text.layers * text.hidden_size * (2 * queries + 2 * keys + 3 * text.intermediate_size)
    head = text.vocab_size * text.hidden_size
    # causal: half of all pairs, scores and weighted sums
    attention = text.layers * 2 * LONG_CONTEXT**2 * queries
    return Work(
        tile_flop=tile,
        prefill_flop=2 * body * LONG_CONTEXT + 2 * head + attention,
        step_weights=body + head,
        step_kv_bytes=text.layers * 2 * keys * LONG_CONTEXT * 4,
    )


def gemm_flops() -> float:
    """float32 matrix product, operations per second."""
    left, right = (np.ones((EDGE, EDGE), np.float32) for _ in range(2))
    out = np.empty_like(left)
    return 2 * EDGE**3 / _best(lambda: np.matmul(left, right, out=out))


def read_bytes_per_second() -> float:
    """Reading memory with all cores: a matrix times a vector, as a decode step does."""
    columns = 4096
    matrix = np.ones((READ_BYTES // 4 // columns, columns), np.float32)
    vector = np.ones(columns, np.float32)
    return matrix.nbytes / _best(lambda: matrix @ vector)


def floors(config: ModelConfig, flops: float, bandwidth: float) -> dict[str, float]:
    """The limits, in the units of the rows.

    The seconds are those of float32; 8-bit products are quicker by the factor that the processor's
    instructions give (about 4 with VNNI, 1.3 to 2 with AVX2 alone).
    """
    work = work_of(config)
    vision, prefill = work.tile_flop / flops, work.prefill_flop / flops

    def steps(bytes_per_weight: float) -> float:
        return bandwidth / (work.step_weights * bytes_per_weight + work.step_kv_bytes)

    return {
        "gemm_gflops": flops / 1e9,
        "read_gb_per_s": bandwidth / 1e9,
        "tile_gflop": work.tile_flop / 1e9,
        "vision_fp32_s": vision,
        "prefill_fp32_s": prefill,
        "page_fp32_s": PAGE_TILES * vision + prefill,
        "decode_fp32": steps(4),
        "decode_bf16": steps(2),
        "decode_int8": steps(1),
        "decode_q4": steps(0.5625),  # blocks of 32 with one half-precision scale
    }


def measure_floors(folder: Path) -> dict[str, float]:
    """Measure this processor for the checkpoint in `folder`."""
    return floors(ModelConfig.from_folder(folder), gemm_flops(), read_bytes_per_second())


def _best(run: Callable[[], object]) -> float:
    return min(timeit.repeat(run, number=1, repeat=RUNS))


def _run(options: argparse.Namespace) -> int:
    print(json.dumps(measure_floors(require_checkpoint(options.checkpoint)), indent=2))
    return 0


main = Command("limits", __doc__, _run)
main.add_argument(
    "checkpoint",
    type=Path,
    nargs="?",
    default=DEFAULT_CHECKPOINT,
    help="default: what bench builds",
)

if __name__ == "__main__":
    sys.exit(main())
