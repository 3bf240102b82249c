"""Looks for NaN and infinity among the weights of an ONNX file, and at where its data lie.

Reads protobuf's wire format itself: the `onnx` package is not installed where models only run.
Format: https://protobuf.dev/programming-guides/encoding/, field numbers from onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ModelInvalid
from .protobuf import Malformed, fields, varint
from .values import check_finite

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _EXTERNAL = 1, 2, 8, 9, 13
_DTYPES = {1: "F32", 10: "F16", 11: "F64", 16: "BF16"}
"""Of TensorProto.DataType, by safetensors' names."""

Span = tuple[int, int]


@dataclass(slots=True)
class _Tensor:
    name: str = ""
    dtype: str = ""
    inline: Span | None = None
    external: dict[str, str] = field(default_factory=dict[str, str])


def check_onnx_values(path: Path) -> None:
    """Check the weights of a graph, those in its data file too.

    A file that is no ONNX graph at all passes: the runtime says what is wrong with it.

    Raises:
        ModelInvalid: a weight is NaN or infinite, or its data lie outside the folder or the file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tensors = list(_tensors(data))
        for tensor in tensors:
            if tensor.dtype and tensor.inline is not None:
                check_finite(path, *tensor.inline, tensor.dtype, tensor.name)
            if tensor.external:
                _check_external(path, tensor)
    except Malformed:
        return
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise ModelInvalid(
            f"{path.name} cannot be read ({error})", "Fetch or export the file again."
        ) from error


def _check_external(path: Path, tensor: _Tensor) -> None:
    place = tensor.external
    data = place.get("location", "")
    if not data or data in (".", "..") or "/" in data or "\\" in data or "\0" in data:
        raise ModelInvalid(
            f"tensor {tensor.name} of {path.name} lies in {data!r}, not beside it",
            "Use a file whose data are in the same folder.",
        )
    beside = path.with_name(data)
    if not beside.is_file():
        raise ModelInvalid(f"{path.name} needs {data}, which is missing", "Fetch it too.")
    offset, whole = int(place.get("offset") or 0), beside.stat().st_size
    length = int(place.get("length") or whole - offset)
    if offset < 0 or length < 0 or offset + length > whole:
        raise ModelInvalid(
            f"{data} has {whole:,} bytes, and tensor {tensor.name} lies behind them",
            "Fetch or export the file again.",
        )
    if tensor.dtype:
        check_finite(beside, offset, length, tensor.dtype, tensor.name)


def _tensors(data: mmap.mmap) -> Iterator[_Tensor]:
    """The initializers of a ModelProto."""
    for number, _, start, stop in fields(data, 0, len(data)):
        if number == _GRAPH:
            for inner, _, first, last in fields(data, start, stop):
                if inner == _INITIALIZER:
                    yield _tensor(data, first, last)


def _tensor(data: mmap.mmap, start: int, stop: int) -> _Tensor:
    tensor = _Tensor()
    for number, _, first, last in fields(data, start, stop):
        if number == _NAME:
            tensor.name = data[first:last].decode("utf-8", "replace")
        elif number == _DATA_TYPE:
            tensor.dtype = _DTYPES.get(varint(data, first, last)[0], "")
        elif number == _RAW_DATA:
            tensor.inline = (first, last - first)
        elif number == _EXTERNAL:
            pair = {
                key: data[a:b].decode("utf-8", "replace")
                for key, _, a, b in fields(data, first, last)
            }
            tensor.external[pair.get(1, "")] = pair.get(2, "")
    return tensor
