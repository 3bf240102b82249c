"""Writes a safetensors file tensor by tensor (`checkpoint.safetensors` describes the format).

The header comes first, so every tensor's dtype and shape must be known before the first is made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch

from ..backends.torch.formats.matrix import Layout, Stored
from ..backends.torch.weights import DTYPES, PACKED

CODES = {dtype: code for code, dtype in (DTYPES | PACKED).items()}
ALIGNED = 8
"""The header is padded with spaces to a multiple of this, as the safetensors library does."""


def write_safetensors(path: Path, layout: Layout, tensors: Iterator[Stored]) -> int:
    """Write a file that ends up complete or not there at all; returns its size in bytes.

    `tensors` come a few at a time, on the CPU and in the order of `layout`.
    """
    header = _header(layout)
    left = iter(layout.items())
    scratch = path.with_name(f".{path.name}.part")
    try:
        with scratch.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for stored in tensors:
                for name, tensor in stored.items():
                    expected = next(left, None)
                    if expected != (name, (tensor.dtype, tuple(tensor.shape))):
                        raise ValueError(f"{name} was laid out as {expected}")
                    file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
            if (missing := next(left, None)) is not None:
                raise ValueError(f"{missing[0]} was not written")
            size = file.tell()
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return size


def _header(layout: Layout) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in layout.items():
        stop = offset + math.prod(shape) * dtype.itemsize
        place = [offset, stop]
        entries[name] = {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": place}
        offset = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text.ljust(len(text) + -len(text) % ALIGNED)
