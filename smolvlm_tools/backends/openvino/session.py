"""A vision graph in OpenVINO, called as an ONNX Runtime session is."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendUnavailable, ModelInvalid, ModelNotFound
from ...machine.cpu import this_cpu
from ...machine.mapped_pages import forget_pages
from ..onnx.external import check_external
from ..onnx.files import data_file

PORTS = ("pixel_values", "image_features")
ELEMENTS = {"f32": "tensor(float)", "f16": "tensor(float16)"}
TELEMETRY = "openvino_telemetry"
GROUP = 32
"""Activations of a row that share a scale, where OpenVINO quantizes them."""


@dataclass(frozen=True, slots=True)
class Item:
    """An input or output: its name and ONNX Runtime's name of its type."""

    name: str
    type: str


class OpenVinoSession:
    """The part of `onnxruntime.InferenceSession` that the vision tower needs. Not thread-safe."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        core = import_openvino().Core()
        if not path.is_file():
            raise ModelNotFound(
                f"{path} does not exist", "Run `smolvlm export CHECKPOINT --out DIR`."
            )
        if path.suffix == ".onnx":
            check_external(path)
        from .graph import one_tile, read_graph

        try:
            if path.suffix == ".onnx":
                model = read_graph(core, path)
            else:
                model = one_tile(core.read_model(path, data_file(path)))
            compiled = core.compile_model(model, "CPU", _settings(path, threads))
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise ModelInvalid(
                f"OpenVINO cannot load {path}: {_first_line(error)}",
                "Export the checkpoint again with `smolvlm export`, or use backend onnx.",
            ) from error
        self._inputs = [_item(port) for port in compiled.inputs]
        self._outputs = [_item(port) for port in compiled.outputs]
        self._request = compiled.create_infer_request()
        del model
        forget_pages(data_file(path))  # it holds the weights in its own layout

    def get_inputs(self) -> list[Item]:
        return self._inputs

    def get_outputs(self) -> list[Item]:
        return self._outputs

    def run(
        self, _names: None, feed: Mapping[str, NDArray[Any]], _options: object = None
    ) -> list[NDArray[Any]]:
        """The first output for `pixel_values` (1, T, 3, S, S), computed tile by tile."""
        pixels = feed["pixel_values"]
        parts = [self._encode(pixels[:, at : at + 1]) for at in range(pixels.shape[1])]
        return [parts[0] if len(parts) == 1 else np.concatenate(parts)]

    def _encode(self, tile: NDArray[Any]) -> NDArray[Any]:
        self._request.infer({"pixel_values": np.ascontiguousarray(tile)})
        return self._request.get_output_tensor(0).data.copy()  # the tensor is used again


def import_openvino() -> Any:
    """The openvino module, imported without its telemetry."""
    with without_telemetry():
        try:
            import openvino
        except ImportError as error:
            raise BackendUnavailable(
                f"openvino cannot be imported ({error})",
                "Run `pip install 'smolvlm-tools[openvino]'`, or use backend onnx.",
            ) from error
    return openvino


@contextmanager
def without_telemetry() -> Generator[None]:
    """Keep what is imported here from reporting that over the network.

    By themselves openvino and nncf write a client id below the home directory and send it; where
    the package that does so cannot be imported, they use stubs of their own.
    """
    unset = object()
    before = sys.modules.get(TELEMETRY, unset)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # makes `import` raise
    try:
        yield
    finally:
        if before is unset:
            del sys.modules[TELEMETRY]
        else:
            sys.modules[TELEMETRY] = cast(Any, before)


def _settings(path: Path, threads: int | None) -> dict[str, str]:
    """Latency of one tile at a time.

    Where activations are quantized on the way, OpenVINO multiplies int8 by int8 only beside fp32,
    not beside bf16; where the CPU has AMX, its bf16 is as quick, so there OpenVINO's own choice
    stands, as it does for what was quantized beforehand. The fp32 file is computed in fp32.
    """
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}
    dynamic = path.suffix == ".onnx"
    if path.stem == "vision_encoder" or (dynamic and not this_cpu().amx):
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = str(GROUP)
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    return settings


def _item(port: Any) -> Item:
    kind = str(port.get_element_type().get_type_name())
    names = port.get_names()  # a tensor's own and those of the identities behind it
    name = next((name for name in PORTS if name in names), str(port.get_any_name()))
    return Item(name, ELEMENTS.get(kind, kind))


def _first_line(error: Exception) -> str:
    """OpenVINO's messages run over many lines, source positions first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
