"""What a run leaves: an adapter in PEFT's format, and the merged checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ..backends.torch.formats.matrix import Layout, Stored
from ..backends.torch.lora.adapter import open_adapter
from ..backends.torch.weights import TorchWeights, all_finite, open_weights
from ..checkpoint import Checkpoint, find_adapter
from ..checkpoint.safetensors import SINGLE
from ..errors import ModelInvalid, TrainingFailed
from ..export.export import copy_small_files
from ..export.safetensors_file import write_safetensors
from .folders import written_whole

Change = Callable[[str, torch.Tensor], torch.Tensor]
"""From a tensor of the base, in the dtype of its file, to the one to write."""


def write_adapter(adapted: Any, weights: Mapping[str, torch.Tensor], out: Path) -> None:
    """Save the adapter of peft's `adapted` model.

    Args:
        weights: that were learned, by their names in transformers' model.
    """
    named = {f"base_model.model.{name}": value for name, value in weights.items()}
    with written_whole(out) as part:
        adapted.save_pretrained(part, state_dict=named, save_embedding_layers=False)
        (part / "README.md").unlink(missing_ok=True)  # an empty form


def write_merged(base: Checkpoint, adapter: Path, out: Path) -> None:
    """Save a checkpoint whose weights have the adapter in them, as `SmolVLM.load` merges it."""
    found, tensors = open_adapter(find_adapter(adapter)), open_weights(base)
    found.assign(lambda name: name in tensors)

    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return found.apply(name, tensor) if name in found else tensor

    _write(base, tensors, change, out)
    found.check_all_used()


def write_trained(base: Checkpoint, weights: Mapping[str, torch.Tensor], out: Path) -> None:
    """Save a checkpoint of which `weights` were trained, rounded as the base has them."""

    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        learned = weights.get(name)
        if learned is None:
            return tensor
        rounded = learned.to(tensor.dtype)
        if not all_finite(rounded):
            raise TrainingFailed(
                f"the trained {name} is not finite as {tensor.dtype}",
                "Train with a lower `learning_rate`, or start from weights in float32.",
            )
        return rounded

    _write(base, open_weights(base), change, out)


def _write(base: Checkpoint, tensors: TorchWeights, change: Change, out: Path) -> None:
    layout: Layout = {
        name: (_dtype(tensors, name), shape) for name, shape in tensors.shapes.items()
    }

    def changed() -> Iterator[Stored]:
        for name, (_, shape) in layout.items():
            yield {name: change(name, tensors.get(name, shape))}

    with written_whole(out) as part:
        copy_small_files(base.folder, part)
        write_safetensors(part / SINGLE, layout, changed())


def _dtype(tensors: TorchWeights, name: str) -> torch.dtype:
    dtype = tensors.dtype(name)
    if dtype is None:
        raise ModelInvalid(
            f"tensor {name} is quantized, so nothing can be merged into it",
            "Fine-tune the checkpoint that it was quantized from.",
        )
    return dtype
