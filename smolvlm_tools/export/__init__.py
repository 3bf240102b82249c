"""ONNX files in the hub's layout from a safetensors folder, checked against torch."""

from __future__ import annotations

from .export import PRECISIONS, export_checkpoint
from .report import ComponentError, ExportedFile, ExportReport

__all__ = ["PRECISIONS", "ComponentError", "ExportReport", "ExportedFile", "export_checkpoint"]
