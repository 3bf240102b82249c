"""An adapter's name to its folder on this machine; knows file names, not what is in them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelNotFound

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_TENSORS = "adapter_model.safetensors"
_PICKLE = "adapter_model.bin"

_HUB_ID = re.compile(r"([A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*)(?:@(\S+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """A LoRA adapter as PEFT saves it, whose two files are here.

    Attributes:
        id: what results are signed with: the folder's name, or "owner/name@" and twelve digits of
            the commit.
        folder: where `adapter_config.json` and `adapter_model.safetensors` are.
    """

    id: str
    folder: Path


def find_adapter(name: str | os.PathLike[str], *, local_files_only: bool = False) -> AdapterFiles:
    """Find an adapter: a folder, or "owner/name" on the hub, with "@REVISION" or "main".

    Only its two files are fetched from the hub, pinned to a commit.

    Raises:
        ModelNotFound: there is none by that name, or it lacks one of the files.
        ModelInvalid: a download differs from the size or digest that the hub states.
        ModelError: the hub failed.
    """
    if not isinstance(name, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ModelNotFound(f"{name!r} is no adapter", "Name a folder or a hub id.")
    text = os.fspath(name)
    hub_id = _HUB_ID.fullmatch(text) if isinstance(name, str) else None
    if os.path.isdir(text) or hub_id is None:
        return _open_folder(Path(os.path.abspath(text)))
    from .hub import fetch_adapter  # loads huggingface_hub

    commit, folder = fetch_adapter(
        hub_id[1], hub_id[2], local_files_only, (ADAPTER_CONFIG, ADAPTER_TENSORS)
    )
    return AdapterFiles(f"{hub_id[1]}@{commit[:12]}", folder)


def _open_folder(folder: Path) -> AdapterFiles:
    if not folder.is_dir():
        raise ModelNotFound(
            f"there is no adapter folder {str(folder)!r}",
            f"Name a folder with {ADAPTER_CONFIG} and {ADAPTER_TENSORS}, as peft saves it.",
        )
    for name in (ADAPTER_CONFIG, ADAPTER_TENSORS):
        if not (folder / name).is_file():
            pickled = name == ADAPTER_TENSORS and (folder / _PICKLE).exists()
            note = f" ({_PICKLE} is a pickle, which is never read)" if pickled else ""
            raise ModelNotFound(
                f"the adapter folder {folder.name!r} has no {name}{note}",
                "Save the adapter with peft's save_pretrained(DIR, safe_serialization=True).",
            )
    return AdapterFiles(folder.name or "adapter", folder)
