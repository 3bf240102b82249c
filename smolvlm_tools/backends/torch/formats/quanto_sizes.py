"""optimum-quanto's formats: what they hold and need. Imports no torch; see `quanto.py`.

quanto-int8, -float8  1 byte, and a bfloat16 scale per output row
quanto-int4           4 bits, and a bfloat16 scale and shift per group of inputs
"""

from __future__ import annotations

from .format import Format, Library, MatrixBytes, Product, round_up
from .packed_sizes import BLOCK

LIBRARY = Library("optimum.quanto", "optimum-quanto", 130_000_000)

WHOLE_VECTORS = 32
"""A multiple of inputs at which torch's int8 kernel reads no further than a row's end."""

GROUPS = (128, 96, 64, 32)
"""Inputs of a group: the first that divides them, or the whole row up to 128 inputs, as
`optimum.quanto.nn.QModuleMixin` has it. Rows that none divides are padded to one that does."""

KERNEL_GROUP = 128
"""The one group for which the library uses torch's 4-bit kernel."""


def groups(inputs: int) -> tuple[int, int]:
    """Inputs with padding, and inputs of a group, of quanto-int4."""
    if inputs <= GROUPS[0]:
        return inputs, inputs
    columns = round_up(inputs, GROUPS[-1])
    return columns, next(size for size in GROUPS if columns % size == 0)


def fits_kernel(outputs: int, group: int) -> bool:
    """Whether torch's 4-bit kernel multiplies such a matrix; others are expanded each time."""
    return group == KERNEL_GROUP and outputs % BLOCK == 0


class Int8(Format):
    """Inputs are padded to whole vectors."""

    library, module = LIBRARY, ".quanto"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return MatrixBytes(outputs * round_up(inputs, WHOLE_VECTORS), 2 * outputs)

    def workspace(self, product: Product) -> int:
        return product.rounded + product.second_result


class Float8(Format):
    """Weights in float8_e4m3fn, expanded for each product."""

    library, module = LIBRARY, ".quanto"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return MatrixBytes(outputs * inputs, 2 * outputs)

    def workspace(self, product: Product) -> int:
        expanded = 2 * product.activation_bytes * product.outputs * product.inputs
        return expanded + product.second_result + product.packing


class Int4(Format):
    """Weights in 4 bits, in groups."""

    library, module = LIBRARY, ".quanto"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        columns, group = groups(inputs)
        count = outputs * columns // group
        return MatrixBytes(-(-count // 2) * group, 4 * count)

    def workspace(self, product: Product) -> int:
        columns, group = groups(product.inputs)
        if fits_kernel(product.outputs, group):
            return product.rounded + product.second_result
        return 6 * product.outputs * columns + product.second_result
