"""A checkpoint's safetensors."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelInvalid, ModelNotFound
from .checkpoint import Checkpoint
from .safetensors import INDEX, SINGLE, shard_names


def fetch_safetensors(checkpoint: Checkpoint) -> list[Path]:
    """Fetch the files that hold a checkpoint's tensors.

    Raises:
        ModelNotFound: it has none.
        ModelInvalid: its index names files that are missing.
    """
    if INDEX in checkpoint.files:
        checkpoint.fetch([INDEX])
        names = shard_names(checkpoint.folder / INDEX)
    elif SINGLE in checkpoint.files:
        names = [SINGLE]
    else:
        raise ModelNotFound(
            f"{checkpoint.id} has no safetensors weights",
            "Use `backend='onnx'`, or a checkpoint with model.safetensors.",
        )
    if lacking := [name for name in names if name not in checkpoint.files]:
        raise ModelInvalid(
            f"{INDEX} of {checkpoint.id} names {lacking[0]}, which is missing",
            "Fetch the checkpoint again.",
        )
    checkpoint.fetch(names)
    return [checkpoint.folder / name for name in names]


def weights_here(checkpoint: Checkpoint) -> int | None:
    """Bytes of a checkpoint's safetensors; None where not all of them are in its folder yet."""
    index = checkpoint.folder / INDEX
    if INDEX in checkpoint.files and not index.is_file():
        return None
    names = shard_names(index) if INDEX in checkpoint.files else [SINGLE]
    paths = [checkpoint.folder / name for name in names]
    if not all(path.is_file() for path in paths):
        return None
    return sum(path.stat().st_size for path in paths)
