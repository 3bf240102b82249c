"""Which number formats a setup of the torch backend computes in; `torch_precision` without torch.

Also what one linear layer of such a format holds and needs; knows no layers' order.
"""

from __future__ import annotations

from collections.abc import Mapping

from ....machine.cpu import CpuFeatures
from ..names import FLOATS, library_of
from ..shapes import Linear
from .sizes import (
    EXPANDED,
    EXPANDED_FOR_FEW,
    FEW_ROWS,
    MatrixBytes,
    matrix_bytes,
    packing_bytes,
    workspace_bytes,
)


def activation_bytes(precision: Mapping[str, str], cpu: CpuFeatures | None) -> int:
    """Of one activation; the rule of `torch_precision.make_plan`.

    Args:
        precision: of each component.
        cpu: what computes; None for another device.
    """
    plain = {kind for kind in precision.values() if kind in FLOATS} or {"bf16"}
    kind = plain.pop() if len(plain) == 1 else "fp32"
    if cpu is None:
        return FLOATS[kind]
    return 2 if kind == "bf16" and cpu.bf16_products else 4


def held_bytes(kind: str, linear: Linear, device: str) -> MatrixBytes:
    """What one such layer holds, its bias apart; a library's parts are matrices of their own."""
    parts = linear.parts if library_of(kind) else (linear.outputs,)
    held = [matrix_bytes(kind, outputs, linear.inputs, device) for outputs in parts]
    return MatrixBytes(sum(part.weights for part in held), sum(part.metadata for part in held))


def product_bytes(kind: str, linear: Linear, rows: int, act: int, cpu: CpuFeatures | None) -> int:
    """Most that one product holds at a time, its result included and its argument not.

    Args:
        kind: of the matrix.
        linear: its shape.
        rows: of the argument.
        act: bytes of an activation.
        cpu: what computes; None for another device.
    """
    result = rows * linear.outputs * act
    if kind in FLOATS:
        if FLOATS[kind] == act:
            return result + (packing_bytes(linear.inputs, rows) if cpu and act == 2 else 0)
        return _expanding(kind, linear, rows, act, cpu)
    if library_of(kind) is None:
        space = workspace_bytes(kind, linear.outputs, linear.inputs, rows, act, cpu, linear.bias)
        return result + space
    parts = [
        (1 + (len(linear.parts) > 1)) * rows * outputs * act
        + workspace_bytes(kind, outputs, linear.inputs, rows, act, cpu, linear.bias)
        for outputs in linear.parts
    ]
    return result + max(parts) - (rows * linear.parts[0] * act if cpu else 0)


def _expanding(kind: str, linear: Linear, rows: int, act: int, cpu: CpuFeatures | None) -> int:
    """A 16-bit matrix that is multiplied in float32, some of its rows at a time."""
    few = kind == "bf16" and rows <= FEW_ROWS
    result = rows * linear.outputs * act
    if few and rows == 1:
        packs = cpu is not None and cpu.vectors_of_512_bits
        return 2 * result + (packing_bytes(linear.inputs, rows) if packs else 0)
    at_once = min(linear.outputs, EXPANDED_FOR_FEW if few else EXPANDED)
    joined = result if at_once < linear.outputs else 0
    rounded = rows * linear.inputs * (2 + act) if few else 0
    product = act * at_once * linear.inputs + result + rounded
    return max(product, joined + result + rounded, 2 * result * linear.bias)
