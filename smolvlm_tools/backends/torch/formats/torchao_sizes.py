"""torchao's formats: what they hold and need. Imports no torch; see `torchao.py`.

torchao-int8(-dynamic)  1 byte, and a float32 scale and an int8 zero per output row
torchao-int4            4 bits, and a bfloat16 scale and zero per 32 inputs
"""

from __future__ import annotations

from .format import Format, Library, MatrixBytes, Product, round_up
from .packed_sizes import BLOCK, GROUP, int4_bytes

LIBRARY = Library("torchao", "torchao", 90_000_000)

TILE = (8, 1024)
"""Outputs and inputs that a GPU's 4-bit packing takes at a time, and pads to."""


class Int8(Format):
    """Weights in 8 bits, expanded for each product."""

    library, module = LIBRARY, ".torchao"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return MatrixBytes(outputs * inputs, 5 * outputs)

    def workspace(self, product: Product) -> int:
        expanded = product.activation_bytes * product.outputs * product.inputs
        return expanded + product.result + product.packing


class Int8Dynamic(Int8):
    """Activations in 8 bits too."""

    def workspace(self, product: Product) -> int:
        outputs, inputs, rows = product.outputs, product.inputs, product.rows
        needed = rows * (9 * inputs + 12 * outputs)
        cpu = product.cpu
        if cpu and "avx512_vnni" in cpu.flags and not cpu.amx:  # its columns are summed in 32 bits
            summed = 4 * outputs * inputs + rows * (3 * inputs + 4 * outputs)
            return max(needed, summed) + product.packing
        return needed


class Int4(Format):
    """Weights in 4 bits, packed for the device."""

    library, module = LIBRARY, ".torchao"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        rows, columns = (BLOCK, GROUP) if device.startswith("cpu") else TILE
        return int4_bytes(round_up(outputs, rows), round_up(inputs, columns))

    def workspace(self, product: Product) -> int:
        return product.rounded + product.second_result
