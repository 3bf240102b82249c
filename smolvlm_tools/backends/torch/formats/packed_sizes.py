"""int8 and q4, our own formats: what they hold and need. Imports no torch; see `packed.py`.

int8  1 byte, and a bfloat16 scale per output row
q4    4 bits, and a bfloat16 scale and zero per 32 inputs
"""

from __future__ import annotations

from .format import Format, MatrixBytes, Product, round_up

GROUP = 32
"""Inputs of a group, and what inputs are padded to a multiple of."""

BLOCK = 64
"""What output rows are padded to a multiple of: any CPU's 4-bit packing takes so many at a time."""

FEW_ROWS = 32
"""Up to here the packed kernels read weights as stored; above, a matrix is expanded first: on an
AVX2 CPU they reach half the speed of a float32 product from about 60 rows on."""


class Int8(Format):
    """See `packed.Int8Matrix`."""

    module = ".packed"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        rows, columns = round_up(outputs, BLOCK), round_up(inputs, GROUP)
        return MatrixBytes(rows * columns, 2 * rows)

    def workspace(self, product: Product) -> int:
        if product.rows <= FEW_ROWS:
            return product.rounded + product.second_result
        return self._expanded(product) + product.second_result + product.packing

    def _expanded(self, product: Product) -> int:
        return product.activation_bytes * _padded(product)


class Int4(Int8):
    """See `packed.Int4Matrix`."""

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return int4_bytes(round_up(outputs, BLOCK), round_up(inputs, GROUP))

    def _expanded(self, product: Product) -> int:
        codes = _padded(product) // 2
        return 2 * product.activation_bytes * _padded(product) + codes


def int4_bytes(rows: int, columns: int) -> MatrixBytes:
    """4 bits per weight, with a bfloat16 scale and zero for each group."""
    return MatrixBytes(rows * columns // 2, 4 * rows * columns // GROUP)


def _padded(product: Product) -> int:
    return round_up(product.outputs, BLOCK) * round_up(product.inputs, GROUP)
