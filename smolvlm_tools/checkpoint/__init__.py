"""From a model's name (alias, hub id or folder) to its files on this machine.

    name -> aliases -> folder                    -> Checkpoint
                    -> hub (listing, download) --^

Only JSON, safetensors and ONNX files are ever listed or fetched, so a backend never sees pickles
or a repository's Python code.
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
