"""From a model's name (alias, hub id or folder) to its files on this machine.

    name -> aliases -> folder                    -> Checkpoint
                    -> hub (listing, download) --^

Only JSON, safetensors and ONNX files are ever listed or fetched, so a backend never sees pickles
or a repository's Python code.
"""

from __future__ import annotations

from .adapter import AdapterFiles as AdapterFiles
from .adapter import find_adapter as find_adapter
from .aliases import ALIASES as ALIASES
from .checkpoint import Checkpoint as Checkpoint
from .listing import ModelInfo as ModelInfo
from .listing import list_models as list_models
from .opening import open_checkpoint as open_checkpoint
from .safetensors import check_safetensors as check_safetensors
