"""What is known of the openvino backend while OpenVINO is not imported."""

from __future__ import annotations

from collections.abc import Callable

from ..base import AnyBackend
from ..onnx.spec import OnnxSpec


class OpenVinoSpec(OnnxSpec):
    """The onnx backend's files; the vision tower runs in OpenVINO."""

    name = "openvino"
    packages = ("onnxruntime", "openvino")
    install = "'smolvlm-tools[openvino]'"

    def auto_rank(self, device: str) -> int | None:
        return None  # for those who ask for it: docs/adr/0003

    def loader(self) -> Callable[..., AnyBackend]:
        from .backend import OpenVinoBackend

        return OpenVinoBackend.load
