"""A model's name to its files on this machine: alias, hub id or folder; knows no inference.

    name -> aliases -> folder                    -> Checkpoint
                    -> hub (listing, download) --^

Only JSON, safetensors and ONNX files are ever listed or fetched, so neither pickles nor a
repository's Python code can reach a backend.
"""

from __future__ import annotations

from .adapter import AdapterFiles, find_adapter
from .aliases import ALIASES
from .checkpoint import Checkpoint
from .listing import ModelInfo, list_models
from .opening import open_checkpoint
from .safetensors import check_safetensors

__all__ = [
    "ALIASES",
    "AdapterFiles",
    "Checkpoint",
    "ModelInfo",
    "check_safetensors",
    "find_adapter",
    "list_models",
    "open_checkpoint",
]
