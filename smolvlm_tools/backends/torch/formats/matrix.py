"""What layers multiply by, and the torch half of a number format.

A quantized matrix is made in two steps, so that one saved and loaded again is the very same:
`quantize` makes the plain tensors that a file holds, `matrix` the layer that multiplies them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import torch

from ..limits import QUANTIZED_AT_ONCE

Stored: TypeAlias = dict[str, torch.Tensor]
"""A matrix's tensors by what follows the layer's name in a file: ".weight", ".SCB", …"""

Layout: TypeAlias = dict[str, tuple[torch.dtype, tuple[int, ...]]]
"""Dtype and shape of each of `Stored`."""


class Matrix(Protocol):
    """A linear layer: (rows, inputs) of any float dtype -> (rows, outputs).

    Results are in the dtype the kernel gives: that of the activations, or bfloat16 for few rows of
    a packed or 16-bit matrix. Every conversion is a launch, and the residual that they are added to
    keeps its own dtype.
    """

    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...


class Kernels(Protocol):
    """The torch half of the formats of one library; a module of these functions is one."""

    def layout(self, kind: str, outputs: int, inputs: int) -> Layout:
        """What `quantize` gives for a weight (outputs, inputs)."""
        ...

    def quantize(self, weight: torch.Tensor, kind: str) -> Stored:
        """The tensors of a weight (outputs, inputs) of any float dtype, on its device."""
        ...

    def matrix(
        self,
        stored: Stored,
        kind: str,
        shape: tuple[int, int],
        bias: torch.Tensor | None,
        activations: torch.dtype,
    ) -> Matrix:
        """A linear layer out of `quantize`'s tensors on the device where it will run.

        `shape` is (outputs, inputs) of the weight; `bias` has the dtype of the activations.
        """
        ...


class Joined:
    """Matrices that share an argument, one after the other; results in the activations' dtype."""

    def __init__(self, parts: Sequence[Matrix], outputs: Sequence[int]) -> None:
        self._parts, self._outputs = parts, list(outputs)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty((len(x), sum(self._outputs)), dtype=x.dtype, device=x.device)
        for part, slot in zip(self._parts, y.split(self._outputs, 1), strict=True):
            slot.copy_(part(x))
        return y


def row_slices(weight: torch.Tensor, multiple: int = 1) -> list[slice]:
    """Slices of `multiple` rows each but the last, to bound what quantizing them needs."""
    rows = max(QUANTIZED_AT_ONCE // weight.shape[1] // multiple, 1) * multiple
    return [slice(start, start + rows) for start in range(0, len(weight), rows)]
