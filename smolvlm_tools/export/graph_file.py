"""Writes an ONNX file in protobuf's wire format, with one tensor in memory at a time.

`onnx` would build the whole file in memory, several times over. A protobuf message may list its
fields in any order, so the tensors are streamed to a side file while the graph is built, and the
model file is made of the graph's few other fields followed by that stream.
Format: https://protobuf.dev/programming-guides/encoding/, field numbers from onnx.proto.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from ..backends.onnx.files import data_file

MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_RAW_DATA = 7, 5, 9
ALIGNMENT = 4096
SMALL = 1024
"""Arrays below this many bytes always stay in the graph."""


class TensorStream:
    """Tensors of a graph under construction.

    Args:
        path: the .onnx file that `write_model` is to write.
        external: keep large arrays in `<path>_data` instead of in the graph.
    """

    def __init__(self, path: Path, *, external: bool) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._inline = self._part.open("wb")
        self._data = data_file(path).open("wb") if external else None

    def add(self, name: str, value: NDArray[Any]) -> str:
        """Write one array and return its name."""
        element = helper.np_dtype_to_tensor_dtype(value.dtype)
        tensor: Any = TensorProto(name=name, dims=value.shape, data_type=element)
        payload = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        if self._data is not None and value.nbytes >= SMALL:
            self._data.write(bytes(-self._data.tell() % ALIGNMENT))  # so that it can be mapped
            tensor.data_location = TensorProto.EXTERNAL
            place = {
                "location": data_file(self._path).name,
                "offset": self._data.tell(),
                "length": payload.nbytes,
            }
            for key, number in place.items():
                tensor.external_data.add(key=key, value=str(number))
            self._data.write(payload.data)
            head, payload = tensor.SerializeToString(), payload[:0]
        else:
            head = tensor.SerializeToString() + _prefix(TENSOR_RAW_DATA, payload.nbytes)
        self._inline.write(_prefix(GRAPH_INITIALIZER, len(head) + payload.nbytes))
        self._inline.write(head)
        self._inline.write(payload.data)
        return name

    def write_model(self, model: Any) -> None:
        """Write `model` (a ModelProto whose graph lists no initializers) with all tensors added."""
        self.close()
        graph: bytes = model.graph.SerializeToString()
        model.ClearField("graph")
        with self._path.open("wb") as file, self._part.open("rb") as part:
            file.write(model.SerializeToString())
            file.write(_prefix(MODEL_GRAPH, len(graph) + self._part.stat().st_size))
            file.write(graph)
            shutil.copyfileobj(part, file, 1 << 20)
        self._part.unlink()

    def close(self) -> None:
        self._inline.close()
        if self._data is not None:
            self._data.close()


def _prefix(field: int, size: int) -> bytes:
    """Tag and length of a length-delimited field."""
    return _varint(field << 3 | 2) + _varint(size)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
