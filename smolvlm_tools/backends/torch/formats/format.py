"""A number format of matrices: what one holds, what a product with it needs, and who multiplies it.

Imports no torch, so that memory can be planned without it. A format's other half needs torch and is
a module (`Kernels` in `matrix.py`), imported when a matrix is first made.

To add a format: give it a name and its bytes in `registry.py`, and write the kernels that `module`
names.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ....machine.cpu import CpuFeatures

if TYPE_CHECKING:
    from .matrix import Kernels

THREADS = 2
"""Threads that share a product; the predicted bytes are for this many."""

PACKED_OUTPUTS, PACKED_INPUTS, PACKED_ROWS = 64, 1024, 256
"""The largest block of a bfloat16 product that a thread of oneDNN rearranges."""

ALIASED, PACKED_COPY = 4096, 1_524_000
"""Inputs whose rows fall on the same cache lines, and the bytes that copying a block of them
takes."""


@dataclass(frozen=True, slots=True)
class MatrixBytes:
    """Bytes of one matrix: its numbers with padding, and scales, zeros and the like."""

    weights: int
    metadata: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.metadata


@dataclass(frozen=True, slots=True)
class Product:
    """Rows of activations times a matrix (outputs, inputs); the properties are bytes.

    `cpu` decides which kernels the libraries take. It is None for another device, for which the
    predicted bytes are an upper bound.
    """

    outputs: int
    inputs: int
    rows: int
    activation_bytes: int
    cpu: CpuFeatures | None
    bias: bool = False

    @property
    def result(self) -> int:
        return self.rows * self.outputs * self.activation_bytes

    @property
    def second_result(self) -> int:
        """The result before the bias is added to it."""
        return self.result if self.bias else 0

    @property
    def rounded(self) -> int:
        """Argument and result in bfloat16, beside themselves in float32."""
        wide = self.activation_bytes > 2
        return 2 * self.rows * (self.inputs + self.outputs) if wide else 0

    @property
    def packing(self) -> int:
        """What oneDNN takes where the activations are bfloat16."""
        return self.onednn_packing if self.cpu and self.activation_bytes == 2 else 0

    @property
    def onednn_packing(self) -> int:
        """What oneDNN takes through torch's allocator to multiply bfloat16.

        Each thread rearranges a block of the weights and adds up a block of the result; it also
        copies its rows of the argument where they lie a multiple of `ALIASED` apart. Measured:
        oneDNN's own choice of blocks is not documented.
        """
        columns = PACKED_INPUTS if self.rows > 1 else PACKED_INPUTS // 2
        weights = 2 * PACKED_OUTPUTS * min(self.inputs, columns)
        sums = 4 * PACKED_OUTPUTS * min(self.rows, PACKED_ROWS)
        aliased = self.inputs % ALIASED == 0 and self.rows > PACKED_ROWS
        return THREADS * (weights + sums + (PACKED_COPY if aliased else 0) + 4096)


@dataclass(frozen=True, slots=True)
class Library:
    """A library that quantizes and multiplies; `distribution` is what pip calls it."""

    name: str
    distribution: str
    resident: int  # bytes that importing it adds, with torch there already


class Format(ABC):
    """One number format. The bytes are those of a CPU, unless `held` is told of another device."""

    # None for our own formats: those are for the CPU only, and layers that share an argument become
    # one matrix: the tensors of a file are joined along their rows.
    library: Library | None = None
    module: str = ""  # of its `Kernels`, relative to this package; `linear.py` makes `Float`s

    @abstractmethod
    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        """What a matrix (outputs, inputs) holds, without its bias."""

    @abstractmethod
    def workspace(self, product: Product) -> int:
        """Most bytes that a product needs at one time, beside its argument and its result.

        Counted as torch's allocator does: buffers that kernels take elsewhere are left out.
        """

    def kernels(self) -> Kernels:
        """The half that needs torch and the library, which are imported here."""
        return cast("Kernels", importlib.import_module(self.module, __package__))


def round_up(value: int, multiple: int) -> int:
    """The next multiple at or above."""
    return value + -value % multiple
