"""Names of a checkpoint's files: which are data, and which are in a folder."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG_FILES = (
    "config.json",
    "preprocessor_config.json",
    "generation_config.json",
    "tokenizer.json",
)
"""Everything that opening a checkpoint reads; backends fetch the weights later."""

_SUFFIXES = (".json", ".safetensors", ".onnx", ".onnx_data", ".onnx.data", ".xml", ".xml_data")


def is_usable(name: str) -> bool:
    """Whether a file may be listed and fetched: only data formats, no pickles and no code."""
    parts = name.split("/")
    return name.endswith(_SUFFIXES) and not any(part.startswith(".") for part in parts)


def list_files(folder: Path) -> frozenset[str]:
    """Relative names of the usable files in a folder, at any depth."""
    names: set[str] = set()
    for parent, subfolders, files in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        relative = Path(parent).relative_to(folder)
        names.update((relative / name).as_posix() for name in files)
    # is_file: a cache whose blobs were deleted keeps links to nowhere.
    return frozenset(name for name in names if is_usable(name) and (folder / name).is_file())
