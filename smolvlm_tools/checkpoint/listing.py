"""The table of `smolvlm models`: what the aliases mean and what is already here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .aliases import ALIASES, EMBEDDED, EMBEDDED_FOLDER, PARAMETERS
from .files import list_files
from .hub_cache import HubSettings, cached_commit, hub_settings, snapshot_folder
from .known_files import KNOWN_FILES
from .safetensors import SINGLE, read_safetensors_header


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An alias and the `id` that it stands for."""

    alias: str
    id: str
    parameters: int | None
    """Weights and biases, including lm_head; None if unknown."""
    download_bytes: int | None
    """Size of its safetensors file; 0 for what ships in the package, None if unknown."""
    cached: bool
    """Whether weights (safetensors or ONNX) are on this machine."""


def list_models() -> tuple[ModelInfo, ...]:
    """Every alias, in the order of `ALIASES`; reads the cache and never the network."""
    settings = hub_settings()
    return tuple(
        _embedded() if alias == EMBEDDED else _published(alias, hub_id, settings)
        for alias, hub_id in ALIASES.items()
    )


def _published(alias: str, hub_id: str, settings: HubSettings) -> ModelInfo:
    known = KNOWN_FILES.get(hub_id, {}).get(SINGLE)
    commit = cached_commit(hub_id, None, settings)
    files = list_files(snapshot_folder(hub_id, commit, settings)) if commit else frozenset[str]()
    size = known.size if known else None
    cached = any(name.endswith((".safetensors", ".onnx")) for name in files)
    return ModelInfo(alias, hub_id, PARAMETERS[alias], size, cached)


def _embedded() -> ModelInfo:
    weights = EMBEDDED_FOLDER / SINGLE
    if not weights.is_file():
        return ModelInfo(EMBEDDED, ALIASES[EMBEDDED], None, 0, False)
    _, tensors = read_safetensors_header(weights)
    parameters = sum(math.prod(entry["shape"]) for entry in tensors.values())
    return ModelInfo(EMBEDDED, ALIASES[EMBEDDED], parameters, 0, True)
