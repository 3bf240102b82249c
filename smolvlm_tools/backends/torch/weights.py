"""Reads the tensors of a checkpoint's safetensors one at a time.

A tensor is read into memory of its own, not mapped: pages of a mapped file count as this process's
memory, so loading would peak at the file plus what is made from it. Only the token table, of which
a prompt needs few rows, is mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from ...checkpoint import Checkpoint, check_safetensors
from ...checkpoint.verify import read_safetensors_header, safetensors_header_length
from ...errors import ModelInvalid, ModelNotFound
from .formats.matrix import Layout, Stored

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
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
    """The tensors of one checkpoint by name.

    Args:
        files: the safetensors files' paths; their headers are read here.

    Attributes:
        unread: names that nobody has asked for yet.
    """

    def __init__(self, files: list[Path]) -> None:
        self._entries: dict[str, tuple[Path, int, Mapping[str, Any]]] = {}
        for path in files:
            check_safetensors(path)
            start = 8 + safetensors_header_length(path)
            for name, entry in read_safetensors_header(path).items():
                self._entries[name] = (path, start, entry)
        self.unread = set(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, in the order of the files."""
        return {name: tuple(entry["shape"]) for name, (_, _, entry) in self._entries.items()}

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        entries = (entry["data_offsets"] for _, _, entry in self._entries.values())
        return sum(int(stop) - int(start) for start, stop in entries)

    def dtype(self, name: str) -> torch.dtype | None:
        """What a tensor is stored as; None if weights cannot be stored so."""
        return DTYPES.get(self._entries[name][2].get("dtype", ""))

    def get(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor `name` in the dtype of its file, in memory of its own.

        Raises:
            ModelInvalid: it is missing, damaged, or of another shape than the configuration says.
        """
        return self._read(self._locate(name, shape), name).reshape(shape)

    def stored(self, name: str, layout: Layout) -> Stored:
        """The tensors of a quantized matrix, by what follows its layer's name.

        Args:
            name: of the layer.
            layout: what they must be.

        Raises:
            ModelInvalid: one is missing, damaged, or not what the layout says.
        """
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
        return torch.from_numpy(data).view(dtype)

    def map(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The tensor `name` as the file itself, mapped into memory; raises as `get` does."""
        path, offset, size, dtype = self._locate(name, shape)
        try:
            data = np.memmap(path, np.uint8, mode="c", offset=offset, shape=(size,))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return torch.from_numpy(data).view(dtype).reshape(shape)

    def _locate(
        self, name: str, shape: tuple[int, ...], exactly: torch.dtype | None = None
    ) -> Place:
        if name not in self._entries:
            raise ModelInvalid(
                f"the weights lack the tensor {name}",
                "config.json and the weights do not belong together, or a shard is missing.",
            )
        path, start, entry = self._entries[name]
        known = DTYPES if exactly is None else DTYPES | PACKED
        dtype = known.get(entry.get("dtype", ""))
        if dtype is None or exactly not in (None, dtype):
            raise ModelInvalid(
                f"tensor {name} is stored as {entry.get('dtype')!r}",
                f"Use weights stored as one of {', '.join(DTYPES)}."
                if exactly is None
                else "Quantize the checkpoint again.",
            )
        if tuple(entry["shape"]) != shape:
            raise ModelInvalid(
                f"tensor {name} is {tuple(entry['shape'])}, the configuration says {shape}",
                "config.json and the weights do not belong together.",
            )
        first, last = (int(n) for n in entry["data_offsets"])
        if last - first != int(np.prod(shape)) * dtype.itemsize or first < 0:
            raise ModelInvalid(
                f"tensor {name} has {last - first} bytes for {shape} {dtype}",
                "Fetch the checkpoint again.",
            )
        self.unread.discard(name)
        return path, start + first, last - first, dtype


def open_weights(checkpoint: Checkpoint) -> TorchWeights:
    """Fetch a checkpoint's safetensors and read their headers.

    Raises:
        ModelNotFound: it has none.
        ModelInvalid: a file is damaged, or one that the index names is missing.
    """
    if INDEX in checkpoint.files:
        checkpoint.fetch([INDEX])
        names = _shards(checkpoint.folder / INDEX)
    elif SINGLE in checkpoint.files:
        names = [SINGLE]
    else:
        raise ModelNotFound(
            f"{checkpoint.id} has no safetensors weights",
            "Use backend='onnx', or a checkpoint with model.safetensors.",
        )
    if lacking := [name for name in names if name not in checkpoint.files]:
        raise ModelInvalid(
            f"{INDEX} of {checkpoint.id} names {lacking[0]}, which is missing",
            "Fetch the checkpoint again.",
        )
    checkpoint.fetch(names)
    return TorchWeights([checkpoint.folder / name for name in names])


def _shards(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return sorted(names)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{index.name} is not a safetensors index", "Fetch the checkpoint again."
        ) from error


def _unreadable(path: Path, error: Exception) -> ModelInvalid:
    return ModelInvalid(f"{path.name} cannot be read ({error})", "Fetch the checkpoint again.")
