"""The OpenVINO backend: its vision tower runs in OpenVINO, everything else as in `onnx`.

OpenVINO's decoder was slower than ONNX Runtime's (see docs/adr), so token table, decoder and caches
are the onnx backend's. It reads the same files, and alone the tower that `smolvlm export --images`
writes, whose int8 scales were measured beforehand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import BackendUnavailable
from ..onnx.backend import OnnxBackend


class OpenVinoBackend(OnnxBackend):
    """Tower in OpenVINO, token table and decoder in ONNX Runtime, on the CPU. Not thread-safe."""

    name = "openvino"
    runs_static = True

    @classmethod
    def open_vision(cls, path: Path, device: str, threads: int | None) -> Any:
        """The vision tower at `path`, called as an ONNX Runtime session is.

        Raises:
            BackendUnavailable: openvino is not installed, or `device` is not the CPU.
        """
        from .session import OpenVinoSession

        if device not in ("auto", "cpu"):
            raise BackendUnavailable(
                f"the openvino backend computes on the CPU, not on {device!r}",
                "Use device cpu, or backend torch or onnx for that device.",
            )
        return OpenVinoSession(path, threads)
