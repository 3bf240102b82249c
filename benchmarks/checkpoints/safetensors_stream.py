"""Writes safetensors files one tensor at a time.

Format: https://huggingface.co/docs/safetensors (8 bytes little-endian header length, JSON header
of dtype, shape and byte range per tensor, then the data). The library's own writer needs all
tensors in memory at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

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
    """Write `model.safetensors`, or shards with their index where it would exceed `shard_bytes`.

    Raises:
        KeyError: `dtype` is none of `SAFETENSORS_NAMES`.
        OSError: the disk is full or the folder cannot be written.
    """
    shards = _split(shapes, dtype, shard_bytes)
    if len(shards) == 1:
        write_file(folder / "model.safetensors", shapes, source, dtype)
        return
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_file(folder / name, shard, source, dtype)
        weight_map |= dict.fromkeys(shard, name)
    total = sum(_bytes(shape, dtype) for shape in shapes.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    text = json.dumps(index, indent=2) + "\n"
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def write_file(path: Path, shapes: Mapping[str, Shape], source: TensorSource, dtype: str) -> None:
    """Write one safetensors file with the tensors of `shapes`."""
    with path.open("wb") as file:
        _write_header(file, shapes, dtype)
        for name, shape in shapes.items():
            file.write(_encode(source(name, shape), dtype).data)


def _write_header(file: BinaryIO, shapes: Mapping[str, Shape], dtype: str) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, shape in shapes.items():
        end = start + _bytes(shape, dtype)
        header[name] = {
            "dtype": SAFETENSORS_NAMES[dtype],
            "shape": shape,
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # data starts aligned
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)


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
    return int(np.prod(shape)) * (4 if dtype == "fp32" else 2)


def _split(shapes: Mapping[str, Shape], dtype: str, shard_bytes: int) -> list[dict[str, Shape]]:
    shards: list[dict[str, Shape]] = [{}]
    used = 0
    for name, shape in shapes.items():
        size = _bytes(shape, dtype)
        if shards[-1] and used + size > shard_bytes:
            shards.append({})
            used = 0
        shards[-1][name] = shape
        used += size
    return shards
