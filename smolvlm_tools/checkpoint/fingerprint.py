"""Tells whether two folders hold the same checkpoint, without reading gigabytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .checkpoint import Checkpoint
from .manifest import MANIFEST

_SAMPLE = 1 << 16
_WEIGHTS = (".safetensors", ".onnx", ".onnx_data", ".onnx.data", ".xml", ".xml_data")


def fingerprint(checkpoint: Checkpoint) -> str:
    """What a checkpoint is known by: its commit on the hub, else a digest of its files.

    Of a folder's files, names, sizes, and 64 kB at either end of each are hashed. Training changes
    all of the weights, so that is enough to notice it. 16 hex digits.
    """
    if checkpoint.revision is not None:
        return checkpoint.revision
    digest = hashlib.sha256()
    for name in sorted(checkpoint.files - {MANIFEST}):
        if name.endswith((*_WEIGHTS, ".json")):
            digest.update(f"{name}\0".encode("utf-8", "surrogatepass"))
            digest.update(_sample(checkpoint.folder / name))
    return digest.hexdigest()[:16]


def _sample(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
        file.seek(max(0, size - _SAMPLE))
        return b"%d\0%b%b" % (size, start, file.read(_SAMPLE))
