"""What is known of the openvino backend while OpenVINO is not imported."""

from __future__ import annotations

from ...checkpoint import AdapterFiles, Checkpoint
from ..base import AnyBackend
from ..onnx.spec import OnnxSpec
from ..precision import Precision


class OpenVinoSpec(OnnxSpec):
    """The onnx backend's files; the vision tower runs in OpenVINO."""

    name = "openvino"
    packages = ("onnxruntime", "openvino")
    install = "'smolvlm-tools[openvino]'"

    def auto_rank(self, device: str) -> int | None:
        return None  # for those who ask for it: docs/adr/0003

    def load(
        self,
        checkpoint: Checkpoint,
        precision: Precision,
        device: str,
        threads: int | None,
        adapter: AdapterFiles | None,
    ) -> AnyBackend:
        from .backend import OpenVinoBackend

        return OpenVinoBackend.load(checkpoint, precision, device, threads)
