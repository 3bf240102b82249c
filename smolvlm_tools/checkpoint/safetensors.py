"""Safetensors files without torch: their names, headers, and where each tensor lies.

Format: 8 bytes of little-endian header length, a JSON header with `data_offsets` relative to its
own end, then the data (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import ModelInvalid, ModelNotFound

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_LONGEST_HEADER = 100_000_000
"""The safetensors library refuses longer headers too."""

_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
"""Of one number in each format; of one that is not here, the size is not checked."""

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
    """Check each file as `check_safetensors` does and locate its tensors, in the files' order.

    Raises:
        ModelInvalid: a file is damaged, or two hold a tensor of the same name.
    """
    places: dict[str, TensorPlace] = {}
    for file in files:
        for name, place in _check_places(file).items():
            if name in places:
                raise ModelInvalid(
                    f"{places[name].file.name} and {file.name} both hold {name}", _AGAIN
                )
            places[name] = place
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
    """Read the header of a file and check that it describes all of its bytes, each once.

    Raises:
        ModelNotFound: there is no such file.
        ModelInvalid: it is truncated or too long; tensors overlap or leave a gap; or a shape does
            not take the bytes that the tensor has.
    """
    start, header = read_safetensors_header(path)
    _locate(path, start, header)
    return start, header


def _check_places(path: Path) -> dict[str, TensorPlace]:
    start, header = read_safetensors_header(path)
    return _locate(path, start, header)


def _locate(path: Path, start: int, header: Header) -> dict[str, TensorPlace]:
    try:
        places = {name: _place(path, start, entry) for name, entry in header.items()}
    except (TypeError, ValueError, LookupError) as error:
        raise _bad_header(path) from error
    at = start
    for name, place in sorted(places.items(), key=lambda item: (item[1].offset, item[1].size)):
        if place.offset != at or place.size < 0:
            raise ModelInvalid(
                f"{path.name} is damaged: tensor {name} begins at byte {place.offset:,}, what lies "
                f"before it ends at {at:,}",
                _AGAIN,
            )
        bits = _BITS.get(place.dtype)
        if bits is not None and place.size * 8 != math.prod(place.shape) * bits:
            raise ModelInvalid(
                f"{path.name} is damaged: tensor {name} has {place.size:,} bytes for "
                f"{place.shape} {place.dtype}",
                _AGAIN,
            )
        at += place.size
    if (size := path.stat().st_size) != at:
        raise ModelInvalid(
            f"{path.name} is damaged: it has {size:,} bytes, its header describes {at:,}", _AGAIN
        )
    return places


def _place(path: Path, start: int, entry: Mapping[str, Any]) -> TensorPlace:
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if any(type(number) is not int or number < 0 for number in (first, last, *shape)):
        raise ValueError(entry)
    return TensorPlace(path, start + first, last - first, str(entry.get("dtype", "")), shape)


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
            header: object = json.loads(file.read(length), object_pairs_hook=_unique)
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no name may stand twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _bad_header(path: Path) -> ModelInvalid:
    return ModelInvalid(f"the header of {path.name} is damaged", _AGAIN)
