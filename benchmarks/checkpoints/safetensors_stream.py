"""Writes safetensors files one tensor at a time.

Format: https://huggingface.co/docs/safetensors (8 bytes little-endian header length, JSON header
of dtype, shape and byte range per tensor, then the data). The library's own writer needs all
tensors in memory at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np
from huggingface_hub import split_state_dict_into_shards_factory

from benchmarks.checkpoints.weights import Shape, Tensor, TensorSource

SAFETENSORS_NAMES = {"fp32": "F32", "bf16": "BF16", "fp16": "F16"}
TORCH_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
HUB_SHARD_BYTES = 5_000_000_000


def write_checkpoint(
    folder: Path,
    shapes: Mapping[str, Shape],
    source: TensorSource,
    dtype: str,
    *,
    shard_bytes: int = HUB_SHARD_BYTES,
) -> None:
    """Write `model.safetensors`, or shards with their index where it would exceed `shard_bytes`."""
    split = split_state_dict_into_shards_factory(
        dict(shapes),
        get_storage_size=lambda shape: _bytes(shape, dtype),
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=shard_bytes,
    )
    for file, names in split.filename_to_tensors.items():
        write_file(folder / file, {name: shapes[name] for name in names}, source, dtype)
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        text = json.dumps(index, indent=2) + "\n"
        (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def write_file(path: Path, shapes: Mapping[str, Shape], source: TensorSource, dtype: str) -> None:
    """Write one safetensors file with the tensors of `shapes`."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, shape in shapes.items():
        place = [start, start + _bytes(shape, dtype)]
        header[name] = {"dtype": SAFETENSORS_NAMES[dtype], "shape": shape, "data_offsets": place}
        start = place[1]
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # data starts aligned
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            file.write(_encode(source(name, shape), dtype).data)


def _encode(tensor: Tensor, dtype: str) -> np.ndarray:
    tensor = np.ascontiguousarray(tensor, dtype="<f4")
    if dtype == "fp32":
        return tensor
    if dtype == "fp16":
        return tensor.astype("<f2")
    bits = tensor.view("<u4")
    # round to nearest, ties to even: what torch does
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return rounded.astype("<u2")


def _bytes(shape: Shape, dtype: str) -> int:
    return prod(shape) * (4 if dtype == "fp32" else 2)
