"""`find_adapter`: from the name of a LoRA adapter to its files on this machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelNotFound
from .aliases import HUB_ID

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_TENSORS = "adapter_model.safetensors"
_FILES = (ADAPTER_CONFIG, ADAPTER_TENSORS)
_PICKLE = "adapter_model.bin"
_AT_REVISION = re.compile(rf"({HUB_ID.pattern})(?:@(\S+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """The folder with the two files of a LoRA adapter, as PEFT saves it."""

    id: str
    """The name in results: the folder's, or "owner/name@" and twelve digits of the commit."""
    folder: Path


def find_adapter(name: str | os.PathLike[str], *, local_files_only: bool = False) -> AdapterFiles:
    """Find an adapter: a folder, or "owner/name" or "owner/name@REVISION" on the hub.

    Only its two files are fetched from the hub, pinned to a commit; raises as `open_checkpoint`.
    """
    if not isinstance(name, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ModelNotFound(f"there is no adapter {name!r}", "Name a folder or a hub id.")
    text = os.fspath(name)
    found = _AT_REVISION.fullmatch(text) if isinstance(name, str) else None
    if os.path.isdir(text) or found is None:
        return _open_folder(Path(os.path.abspath(text)))
    from .hub import fetch_adapter  # loads huggingface_hub

    hub_id, revision = found.groups()
    commit, folder = fetch_adapter(hub_id, revision, local_files_only, _FILES)
    return AdapterFiles(f"{hub_id}@{commit[:12]}", folder)


def _open_folder(folder: Path) -> AdapterFiles:
    if not folder.is_dir():
        raise ModelNotFound(
            f"there is no adapter folder {str(folder)!r}",
            f"Name a folder with {ADAPTER_CONFIG} and {ADAPTER_TENSORS}, as peft saves it.",
        )
    for name in _FILES:
        if not (folder / name).is_file():
            pickled = name == ADAPTER_TENSORS and (folder / _PICKLE).exists()
            note = f" ({_PICKLE} is a pickle, which is never read)" if pickled else ""
            raise ModelNotFound(
                f"the adapter folder {folder.name!r} has no {name}{note}",
                "Save the adapter with peft's save_pretrained(DIR, safe_serialization=True).",
            )
    return AdapterFiles(folder.name or "adapter", folder)
