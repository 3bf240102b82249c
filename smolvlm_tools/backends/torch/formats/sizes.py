"""Bytes of a matrix in each number format of the torch backend; pure arithmetic, no torch.

Knows what the matrices of `backends/torch_linear.py` and `backends/torch_<library>.py` hold and
what a product with them needs for a moment; not which matrices a model has. The figures are of a
CPU; on a GPU `torchao-int4` is padded to other multiples (`TILE`).

kind                   weights          beside them
fp32, bf16, fp16       as they are      nothing
int8                   1 byte           bfloat16 scale per output row
q4                     4 bits           bfloat16 scale and zero per 32 inputs
bnb-int8               1 byte           float32 scale per output row
bnb-nf4                4 bits           1 byte per 64 weights, float32 per 256 of those
torchao-int8(-dynamic) 1 byte           float32 scale and int8 zero per output row
torchao-int4           4 bits           bfloat16 scale and zero per 32 inputs
quanto-int8            1 byte           bfloat16 scale per output row
quanto-float8          1 byte           bfloat16 scale per output row
quanto-int4            4 bits           bfloat16 scale and shift per group of 32 to 128 inputs
"""

from __future__ import annotations

from dataclasses import dataclass

from ....machine.cpu import CpuFeatures
from ..names import FLOATS

GROUP = 32
"""Inputs of a group, and a multiple that inputs are padded to where a kernel reads whole groups."""

BLOCK = 64
"""A multiple that output rows are padded to where torch packs 4-bit weights."""

FEW_ROWS = 32
"""Up to here int8, q4 and bf16 matrices are multiplied as stored; see `backends/torch_linear`."""

EXPANDED, EXPANDED_FOR_FEW = 8192, 1024
"""Output rows of a 16-bit matrix that are float32 at one time; see `backends/torch_linear`."""

NF4_BLOCK, NF4_NESTED = 64, 256
"""Weights to a scale, and scales to a scale of theirs, in bitsandbytes' double quantization."""

KERNEL_GROUP = 128
"""Inputs of the groups of quanto-int4 that torch's 4-bit kernel multiplies; others are expanded."""

THREADS = 2
"""Of a product; the footprint's figures are for so many."""

PACKED_OUTPUTS, PACKED_INPUTS, PACKED_ROWS = 64, 1024, 256
"""The largest block of a bfloat16 product that a thread of oneDNN rearranges."""

ALIASED, PACKED_COPY = 4096, 1_524_000
"""Inputs whose rows fall on the same cache lines, and what copying a block of them takes."""

TILE = (8, 1024)
"""Outputs and inputs that torchao-int4 is padded to on a GPU."""


@dataclass(frozen=True, slots=True)
class MatrixBytes:
    """Bytes of one matrix.

    Attributes:
        weights: of the numbers themselves, with what they are padded by.
        metadata: of scales, zeros and the like.
    """

    weights: int
    metadata: int

    @property
    def total(self) -> int:
        return self.weights + self.metadata


def matrix_bytes(kind: str, outputs: int, inputs: int, device: str = "cpu") -> MatrixBytes:
    """What a matrix (outputs, inputs) holds, without its bias.

    Matrices that share an argument (queries, keys and values; gate and up) are one matrix in our
    own kinds and one each in those of the libraries; their sums differ by a few bytes at most.

    Args:
        kind: one of `backends.torch_names.KINDS`.
        outputs: rows.
        inputs: columns.
        device: only its kind counts.

    Raises:
        KeyError: an unknown kind.
    """
    if kind in FLOATS:
        return MatrixBytes(outputs * inputs * FLOATS[kind], 0)
    rows, columns = up(outputs, BLOCK), up(inputs, GROUP)
    if kind == "int8":
        return MatrixBytes(rows * columns, 2 * rows)
    if kind == "torchao-int4" and not device.startswith("cpu"):
        rows, columns = up(outputs, TILE[0]), up(inputs, TILE[1])
    if kind in ("q4", "torchao-int4"):
        return MatrixBytes(rows * columns // 2, 4 * rows * columns // GROUP)
    if kind == "bnb-int8":
        return MatrixBytes(outputs * inputs, 4 * outputs)
    if kind == "bnb-nf4":
        count = outputs * up(inputs, 2)
        blocks = -(-count // NF4_BLOCK)
        return MatrixBytes(-(-count // 2), blocks + 4 * -(-blocks // NF4_NESTED) + 4)
    if kind in ("torchao-int8", "torchao-int8-dynamic"):
        return MatrixBytes(outputs * inputs, 5 * outputs)
    if kind in ("quanto-int8", "quanto-float8"):
        columns = columns if kind == "quanto-int8" else inputs
        return MatrixBytes(outputs * columns, 2 * outputs)
    if kind == "quanto-int4":
        columns, group = quanto_groups(inputs)
        groups = outputs * columns // group
        return MatrixBytes(-(-groups // 2) * group, 4 * groups)
    raise KeyError(kind)


def quanto_groups(inputs: int) -> tuple[int, int]:
    """Inputs with padding, and inputs of a group, in quanto's 4-bit format.

    The rule of `optimum.quanto.nn.QModuleMixin`: 128, or less by steps of 32 until it divides; a
    whole row up to 128 inputs. Rows that no group divides are padded to a multiple of 32.
    """
    if inputs <= 128:
        return inputs, inputs
    columns = up(inputs, 32)
    return columns, next(size for size in (128, 96, 64, 32) if columns % size == 0)


def packing_bytes(inputs: int, rows: int) -> int:
    """What oneDNN takes through torch's allocator to multiply bfloat16, with `THREADS` threads.

    Each thread rearranges a block of the weights and adds up a block of the result; it also copies
    its rows of the argument where they lie a multiple of `ALIASED` apart. Measured: oneDNN's own
    choice of blocks is not documented.

    Args:
        inputs: columns of the matrix.
        rows: rows of activations.
    """
    columns = PACKED_INPUTS if rows > 1 else PACKED_INPUTS // 2
    weights = 2 * PACKED_OUTPUTS * min(inputs, columns)
    sums = 4 * PACKED_OUTPUTS * min(rows, PACKED_ROWS)
    copied = PACKED_COPY if inputs % ALIASED == 0 and rows > PACKED_ROWS else 0
    return THREADS * (weights + sums + copied + 4096)


def workspace_bytes(
    kind: str,
    outputs: int,
    inputs: int,
    rows: int,
    activation_bytes: int,
    cpu: CpuFeatures | None,
    bias: bool = False,
) -> int:
    """What one product needs at its peak on top of `rows` rows of input and of output, on a CPU.

    Counted as torch's allocator does: buffers that kernels take elsewhere are not part of it.

    Args:
        kind: one of `backends.torch_names.KINDS`.
        outputs: rows of the matrix.
        inputs: its columns.
        rows: rows of activations.
        activation_bytes: 4 or 2, of an activation.
        cpu: what computes: it decides which kernels the libraries take. None for another device,
            for which the figures are an upper bound.
        bias: whether one is added.

    Raises:
        KeyError: an unknown kind.
    """
    size, act = outputs * inputs, activation_bytes
    result = rows * outputs * act
    narrow = 2 * rows * (inputs + outputs) if act > 2 else 0  # rounded to bfloat16 and back
    again = result if bias else 0
    packing = packing_bytes(inputs, rows) if cpu and act == 2 else 0
    if kind in FLOATS:
        if FLOATS[kind] == act:
            return narrow + again + packing
        if kind == "bf16" and rows == 1:
            packs = cpu is not None and cpu.vectors_of_512_bits
            return narrow + again + (packing_bytes(inputs, rows) if packs else 0)
        at_once = EXPANDED_FOR_FEW if kind == "bf16" and rows <= FEW_ROWS else EXPANDED
        joined = result if outputs > at_once else 0
        widened = act * rows * inputs if at_once == EXPANDED_FOR_FEW else 0
        return act * min(outputs, at_once) * inputs + joined + widened + narrow + again
    if kind in ("int8", "q4"):
        rounded = up(outputs, BLOCK) * up(inputs, GROUP)
        copies = {"int8": 1, "q4": 2}[kind]
        if rows <= FEW_ROWS:
            return narrow + again
        return copies * act * rounded + (rounded // 2 if kind == "q4" else 0) + again + packing
    if kind == "bnb-int8":
        if cpu and cpu.vectors_of_512_bits:  # int8 by int8
            return rows * max((16 - act) * outputs + inputs, 9 * inputs - act * outputs) + again
        return 4 * size + rows * (6 * inputs + 8 * outputs)
    if kind == "bnb-nf4":
        return act * size + 8 * size // NF4_BLOCK + again + packing
    if kind == "torchao-int8":
        return act * size + result + packing
    if kind == "torchao-int8-dynamic":
        product = rows * (9 * inputs + 12 * outputs)
        if cpu and "avx512_vnni" in cpu.flags and not cpu.amx:  # its columns are summed in 32 bits
            return max(product, 4 * size + rows * (3 * inputs + 4 * outputs)) + packing
        return product
    if kind in ("torchao-int4", "quanto-int8"):
        return narrow + again
    if kind == "quanto-float8":
        return 2 * act * size + again + packing
    if kind == "quanto-int4":
        columns, group = quanto_groups(inputs)
        if group == KERNEL_GROUP and outputs % BLOCK == 0:
            return narrow + again
        return 6 * outputs * columns + again
    raise KeyError(kind)


def up(value: int, multiple: int) -> int:
    """The next multiple at or above."""
    return value + -value % multiple
