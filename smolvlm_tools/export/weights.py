"""A checkpoint's tensors as float32 arrays, one at a time, with an adapter merged into them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..backends.torch.build import HEAD
from ..backends.torch.lora.adapter import Adapter, open_adapter
from ..backends.torch.weights import TorchWeights
from ..backends.torch.weights import open_weights as open_tensors
from ..checkpoint import AdapterFiles, Checkpoint
from ..errors import ModelInvalid


class Weights:
    """The tensors of one checkpoint by name, rounded to float16 if `half`."""

    def __init__(self, tensors: TorchWeights, *, half: bool, adapter: Adapter | None) -> None:
        self._tensors, self._half, self._adapter = tensors, half, adapter
        self.unread = tensors.unread  # names that `get` has not been asked for yet
        if adapter is not None:
            adapter.assign(lambda name: name in tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def get(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The tensor `name`, which must have this shape and be finite."""
        tensor = self._tensors.get(name, shape)
        if self._adapter is not None and name in self._adapter:
            tensor = self._adapter.apply(name, tensor)
        tensor = tensor.float()
        if self._half:
            tensor = tensor.half().float()
        if not bool(torch.isfinite(tensor).all()):
            rounded = " once rounded to float16" if self._half else ""
            raise ModelInvalid(
                f"tensor {name} has NaN or infinite values{rounded}",
                "Export a checkpoint whose weights are finite.",
            )
        return tensor.numpy()

    def merged(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Names and values of the tensors that the adapter changes; raises as `get` does."""
        for name, shape in self._tensors.shapes.items():
            if self._adapter is not None and name in self._adapter:
                yield name, self.get(name, shape)

    def check_all_merged(self) -> None:
        """Check that all of the adapter went into the tensors read so far."""
        if self._adapter is not None:
            self._adapter.check_all_used()


def open_weights(folder: Path, *, half: bool, adapter: AdapterFiles | None) -> Weights:
    """Open every safetensors file of `folder`; see `Weights`."""
    tensors = open_tensors(Checkpoint.from_folder(folder))
    if adapter is not None and HEAD not in tensors:
        raise ModelInvalid(
            "an adapter cannot be exported with this checkpoint, whose output matrix is its token "
            "table",
            "Load the checkpoint and the adapter with `backend='torch'` instead.",
        )
    return Weights(tensors, half=half, adapter=None if adapter is None else open_adapter(adapter))
