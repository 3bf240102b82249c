"""Reads the tensors of a checkpoint's safetensors one at a time.

A tensor is read into memory of its own, not mapped: pages of a mapped file count as this process's
memory, so loading would peak at the file plus what is made from it. Only the token table, of which
a prompt needs few rows, is mapped.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from ...checkpoint import Checkpoint
from ...checkpoint.safetensors import tensor_places
from ...checkpoint.values import check_finite, not_finite
from ...checkpoint.weights import fetch_safetensors
from ...errors import ModelInvalid
from .formats.matrix import Layout, Stored

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
PACKED = {
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
}
"""Dtypes of quantized tensors, which only `TorchWeights.stored` reads."""

Place: TypeAlias = tuple[Path, int, int, torch.dtype]
"""File, offset and bytes of a tensor, and its dtype."""


class TorchWeights:
    """The tensors of one checkpoint by name; `unread` are those nobody has asked for yet."""

    def __init__(self, files: list[Path]) -> None:
        self._places = tensor_places(files)
        self.unread = set(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, in the order of the files."""
        return {name: place.shape for name, place in self._places.items()}

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(place.size for place in self._places.values())

    def dtype(self, name: str) -> torch.dtype | None:
        """What a tensor is stored as; None if weights cannot be stored so."""
        return DTYPES.get(self._places[name].dtype)

    def get(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor `name` in the dtype of its file, in memory of its own; it is finite."""
        return self._read(self._locate(name, shape), name).reshape(shape)

    def stored(self, name: str, layout: Layout) -> Stored:
        """The tensors of a quantized matrix, by what follows its layer's name."""
        return {
            suffix: self._read(self._locate(name + suffix, shape, dtype), name).reshape(shape)
            for suffix, (dtype, shape) in layout.items()
        }

    def _read(self, place: Place, name: str) -> torch.Tensor:
        path, offset, size, dtype = place
        data = np.empty(size, np.uint8)
        view = data.data
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                while view and (count := file.readinto(view)):
                    view = view[count:]
        except OSError as error:
            raise _unreadable(path, error) from error
        if view:
            raise ModelInvalid(f"{path.name} ends inside {name}", "Fetch the checkpoint again.")
        tensor = torch.from_numpy(data).view(dtype)
        if not all_finite(tensor):
            raise not_finite(name, path.name)
        return tensor

    def map(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor `name` as the file itself, mapped into memory; raises as `get` does."""
        path, offset, size, dtype = self._locate(name, shape)
        try:
            check_finite(path, offset, size, self._places[name].dtype, name)
            data = np.memmap(path, np.uint8, mode="c", offset=offset, shape=(size,))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return torch.from_numpy(data).view(dtype).reshape(shape)

    def _locate(
        self, name: str, shape: tuple[int, ...], exactly: torch.dtype | None = None
    ) -> Place:
        if name not in self._places:
            raise ModelInvalid(
                f"the weights lack the tensor {name}",
                "config.json and the weights do not belong together, or a shard is missing.",
            )
        place = self._places[name]
        known = DTYPES if exactly is None else DTYPES | PACKED
        dtype = known.get(place.dtype)
        if dtype is None or exactly not in (None, dtype):
            raise ModelInvalid(
                f"tensor {name} is stored as {place.dtype!r}",
                f"Use weights stored as one of {', '.join(DTYPES)}."
                if exactly is None
                else "Quantize the checkpoint again.",
            )
        if place.shape != shape:
            raise ModelInvalid(
                f"tensor {name} is {place.shape}, the configuration says {shape}",
                "config.json and the weights do not belong together.",
            )
        if place.size != math.prod(shape) * dtype.itemsize:
            raise ModelInvalid(
                f"tensor {name} has {place.size} bytes for {shape} {dtype}",
                "Fetch the checkpoint again.",
            )
        self.unread.discard(name)
        return place.file, place.offset, place.size, dtype


def all_finite(tensor: torch.Tensor) -> bool:
    """Whether no number of a tensor is NaN or infinite, by its extremes: that copies nothing."""
    if tensor.numel() == 0 or not tensor.is_floating_point():
        return True
    if tensor.itemsize == 1:  # torch cannot compare the float8 formats
        return not bool(((tensor.view(torch.uint8) & 0x7F) == 0x7F).any())
    low, high = torch.aminmax(tensor)
    return bool(torch.isfinite(low)) and bool(torch.isfinite(high))


def open_weights(checkpoint: Checkpoint) -> TorchWeights:
    """Fetch a checkpoint's safetensors and read their headers."""
    return TorchWeights(fetch_safetensors(checkpoint))


def _unreadable(path: Path, error: Exception) -> ModelInvalid:
    return ModelInvalid(f"{path.name} cannot be read ({error})", "Fetch the checkpoint again.")
