"""Finds NaN and infinity among numbers in a file, a piece at a time and without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelInvalid

_PIECE = 1 << 22

EXPONENTS = {"F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80), "F8_E4M3": (np.uint8, 0x7F)}
"""Of number formats that numpy lacks or is slow at: the bits that are all ones in NaN and, but for
the last, infinity."""

FLOATS = {"F32": np.float32, "F64": np.float64}


def check_finite(path: Path, offset: int, size: int, dtype: str, name: str) -> None:
    """Check the numbers of one tensor; formats of integers pass.

    Args:
        dtype: as safetensors calls it.

    Raises:
        ModelInvalid: one is NaN or infinite.
        OSError: the file cannot be read.
    """
    if dtype not in EXPONENTS and dtype not in FLOATS:
        return
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        left = size
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            usable = len(piece) - len(piece) % 8 if left else len(piece)
            if usable != len(piece):  # a short read: begin the next at a whole number
                file.seek(usable - len(piece), 1)
                left += len(piece) - usable
            if not _all_finite(np.frombuffer(piece, np.uint8, usable), dtype):
                raise not_finite(name, path.name)


def not_finite(tensor: str, file: str) -> ModelInvalid:
    """The error for NaN or infinity in weights."""
    return ModelInvalid(
        f"tensor {tensor} in {file} has NaN or infinite values",
        "The file is damaged, or its training failed: fetch or export the checkpoint again.",
    )


def _all_finite(data: NDArray[np.uint8], dtype: str) -> bool:
    if dtype in FLOATS:
        kind = FLOATS[dtype]
        whole = len(data) - len(data) % np.dtype(kind).itemsize
        return bool(np.isfinite(data[:whole].view(kind)).all())
    kind, ones = EXPONENTS[dtype]
    whole = len(data) - len(data) % np.dtype(kind).itemsize
    bits = data[:whole].view(kind) & kind(ones)
    return not bool((bits == ones).any())
