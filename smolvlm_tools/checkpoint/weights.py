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
