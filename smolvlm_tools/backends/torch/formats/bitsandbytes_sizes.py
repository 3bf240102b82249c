"""bitsandbytes' formats: what they hold and need. Imports no torch; see `bitsandbytes.py`.

bnb-int8  1 byte, and a float32 scale per output row
bnb-nf4   4 bits, and 1 byte per 64 weights and a float32 per 256 of those ("double quantization")
"""

from __future__ import annotations

from .format import Format, Library, MatrixBytes, Product, round_up

LIBRARY = Library("bitsandbytes", "bitsandbytes", 126_000_000)

THRESHOLD = 6.0
"""Inputs beyond it are outliers; the library's and transformers' default."""

BLOCK, NESTED = 64, 256
"""Weights that share a scale of NF4, and scales that share one in turn."""


class Int8(Format):
    """LLM.int8()."""

    library, module = LIBRARY, ".bitsandbytes"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return MatrixBytes(outputs * inputs, 4 * outputs)

    def workspace(self, product: Product) -> int:
        outputs, inputs, rows = product.outputs, product.inputs, product.rows
        if product.cpu and product.cpu.vectors_of_512_bits:  # int8 by int8
            act = product.activation_bytes
            buffers = max((16 - act) * outputs + inputs, 9 * inputs - act * outputs)
            return rows * buffers + product.second_result
        return 4 * outputs * inputs + rows * (6 * inputs + 8 * outputs)


class Nf4(Format):
    """An odd number of inputs is padded by one; the last 4 bytes are what all scales are offset by.

    The library's tables of codes are left out: all matrices share them.
    """

    library, module = LIBRARY, ".bitsandbytes"

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        count = outputs * round_up(inputs, 2)
        blocks = -(-count // BLOCK)
        return MatrixBytes(-(-count // 2), blocks + 4 * -(-blocks // NESTED) + 4)

    def workspace(self, product: Product) -> int:
        size = product.outputs * product.inputs
        scales = 8 * size // BLOCK
        expanded = product.activation_bytes * size
        return expanded + scales + product.second_result + product.packing
