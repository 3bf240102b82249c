"""fp32, bf16 and fp16: weights as they are, with nothing beside them. Imports no torch."""

from __future__ import annotations

from .format import Format, MatrixBytes, Product
from .packed_sizes import FEW_ROWS

EXPANDED = 8192
"""Most output rows of a 16-bit matrix that are float32 at one time, for many rows."""

EXPANDED_FOR_FEW = 1024
"""The same for few rows, where expanding costs more than multiplying and should stay in cache."""


class Float(Format):
    """Weights of `bytes` each, multiplied by the classes of `linear.py`.

    Args:
        bytes: of one weight.
        brain: whether it is bfloat16, of which few rows are multiplied as one row is.
    """

    def __init__(self, bytes: int, brain: bool = False) -> None:
        self.bytes, self._brain = bytes, brain

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return MatrixBytes(outputs * inputs * self.bytes)

    def workspace(self, product: Product) -> int:
        act, rows, result = product.activation_bytes, product.rows, product.result
        if self.bytes == act:
            return product.packing
        few = self._brain and rows <= FEW_ROWS
        if few and rows == 1:
            packs = product.cpu is not None and product.cpu.vectors_of_512_bits
            return result + (product.onednn_packing if packs else 0)
        at_once = min(product.outputs, EXPANDED_FOR_FEW if few else EXPANDED)
        joined = result if at_once < product.outputs else 0
        rounded = rows * product.inputs * (2 + act) if few else 0
        expanding = act * at_once * product.inputs + rounded
        return max(expanding, joined + rounded, result if product.bias else 0)
