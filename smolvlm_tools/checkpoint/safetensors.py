"""Safetensors files without torch: their names, headers, and where each tensor lies.

Format: 8 bytes of little-endian header length, a JSON header with `data_offsets` relative to its
own end, then the data (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import ModelInvalid, ModelNotFound

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_LONGEST_HEADER = 100_000_000
"""The safetensors library refuses longer headers too."""

_AGAIN = "Delete the file and fetch the checkpoint again."


Header = dict[str, dict[str, Any]]
"""Tensor → its `dtype`, `shape` and `data_offsets`."""


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where the data of one tensor lies: `size` bytes from `offset` on in `file`."""

    file: Path
    offset: int
    size: int
    dtype: str
    """safetensors' name of the number format, such as "BF16"."""
    shape: tuple[int, ...]


def tensor_places(files: Iterable[Path]) -> dict[str, TensorPlace]:
    """Check each file as `check_safetensors` does and locate its tensors, in the files' order."""
    places: dict[str, TensorPlace] = {}
    for file in files:
        start, header = check_safetensors(file)
        for name, entry in header.items():
            try:
                first, last = (int(end) for end in entry["data_offsets"])
                shape = tuple(map(int, entry["shape"]))
            except (TypeError, ValueError) as error:
                raise _bad_header(file) from error
            if first < 0:
                raise _bad_header(file)
            dtype = str(entry.get("dtype", ""))
            places[name] = TensorPlace(file, start + first, last - first, dtype, shape)
    return places


def shard_names(index: Path) -> list[str]:
    """The files that a `model.safetensors.index.json` spreads the tensors over, sorted."""
    try:
        weight_map: Mapping[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return sorted(set(weight_map.values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{index.name} is not an index of safetensors files", "Fetch the checkpoint again."
        ) from error


def check_safetensors(path: Path) -> tuple[int, Header]:
    """Read the header of a file and check with its size that the file is complete."""
    start, header = read_safetensors_header(path)
    try:
        ends = [int(entry["data_offsets"][1]) for entry in header.values()]
    except (TypeError, ValueError, LookupError) as error:
        raise _bad_header(path) from error
    size, expected = path.stat().st_size, start + max(ends, default=0)
    if size != expected:
        raise ModelInvalid(
            f"{path.name} is damaged: it has {size:,} bytes, its header describes {expected:,}",
            _AGAIN,
        )
    return start, header


def read_safetensors_header(path: Path) -> tuple[int, Header]:
    """Where the data starts, and the header.

    Raises:
        ModelNotFound: there is no such file.
        ModelInvalid: it is truncated, or not a safetensors file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length < 2 or length > min(path.stat().st_size - 8, _LONGEST_HEADER):
                raise ModelInvalid(
                    f"{path.name} is damaged: it is truncated, or not a safetensors file", _AGAIN
                )
            header: object = json.loads(file.read(length))
    except FileNotFoundError:
        raise ModelNotFound(f"there is no file {path.name}", "Fetch the checkpoint.") from None
    except OSError as error:
        raise ModelInvalid(f"{path.name} cannot be read ({error.strerror})", _AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise _bad_header(path) from error
    if not isinstance(header, dict):
        raise _bad_header(path)
    tensors = {
        name: entry
        for name, entry in cast("dict[str, Any]", header).items()
        if name != "__metadata__"
    }
    for entry in tensors.values():
        if not isinstance(entry, dict) or not {"shape", "data_offsets"} <= entry.keys():
            raise _bad_header(path)
    return 8 + length, tensors


def _bad_header(path: Path) -> ModelInvalid:
    return ModelInvalid(f"the header of {path.name} is damaged", _AGAIN)
