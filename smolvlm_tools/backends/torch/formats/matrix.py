"""What a matrix is to the layers, and what a number format is to a file; knows no format.

A quantized matrix is made in two steps, so that one saved and loaded again is the very same:
`quantize` makes the plain tensors that a file holds, `matrix` what is multiplied out of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import torch

Stored: TypeAlias = dict[str, torch.Tensor]
"""A matrix's tensors by what follows the layer's name in a file: ".weight", ".SCB", …"""

Layout: TypeAlias = dict[str, tuple[torch.dtype, tuple[int, ...]]]
"""Dtype and shape of each of `Stored`."""


class Matrix(Protocol):
    """A linear layer: (rows, inputs) of any float dtype -> (rows, outputs).

    Results are in the dtype the kernel gives: that of the activations, or bfloat16 for few rows of
    a packed or 16-bit matrix; every conversion is a launch, and the residual they are added to
    keeps its own dtype.
    """

    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...


class Format(Protocol):
    """Number formats of one library; a module is one."""

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
        """A linear layer out of tensors on the device where it shall run.

        Args:
            stored: what `quantize` gave.
            kind: the same.
            shape: (outputs, inputs) of the weight.
            bias: (outputs,) in the dtype of the activations.
            activations: the dtype of what is multiplied.
        """
        ...


class Joined:
    """Matrices that share an argument, one after the other; results in the activations' dtype."""

    def __init__(self, parts: Sequence[Matrix], outputs: Sequence[int]) -> None:
        self._parts, self._outputs = parts, outputs

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty((len(x), sum(self._outputs)), dtype=x.dtype, device=x.device)
        for part, slot in zip(self._parts, y.split(list(self._outputs), 1), strict=True):
            slot.copy_(part(x))
        return y


def row_slices(weight: torch.Tensor, numbers: int, multiple: int) -> list[slice]:
    """Slices of a matrix's rows with about so many numbers each, to bound what quantizing needs.

    Args:
        weight: (outputs, inputs).
        numbers: most of a slice.
        multiple: each but the last has a multiple of so many rows.
    """
    rows = max(numbers // weight.shape[1] // multiple, 1) * multiple
    return [slice(start, start + rows) for start in range(0, len(weight), rows)]


AT_ONCE = 1 << 20
"""Numbers quantized at a time."""
