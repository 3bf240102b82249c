"""What is known of the openvino backend while OpenVINO is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...checkpoint import Checkpoint
from ..base import AnyBackend
from ..onnx.files import PARTS, STATIC, component_file
from ..onnx.spec import OnnxSpec
from ..precision import Precision


class OpenVinoSpec(OnnxSpec):
    """The onnx backend's files; the vision tower runs in OpenVINO."""

    name = "openvino"
    packages = ("onnxruntime", "openvino")
    install = "'smolvlm-tools[openvino]'"
    runs_static = True

    def auto_rank(self, device: str) -> int | None:
        return None  # for those who ask for it: docs/adr/0003

    def forms(self, checkpoint: Checkpoint) -> Iterable[Precision]:
        yield from super().forms(checkpoint)
        if component_file(PARTS["vision"], STATIC) in checkpoint.files:
            yield f"vision={STATIC}"

    def loader(self) -> Callable[..., AnyBackend]:
        from .backend import OpenVinoBackend

        return OpenVinoBackend.load
