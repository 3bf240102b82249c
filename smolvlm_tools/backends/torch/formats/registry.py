"""Every number format of matrices by the name that users give it: what one holds and needs.

Imports no torch. Bytes of a weight, and what lies beside the weights:

fp32, bf16, fp16         as they are
int8                     1 byte, and a bfloat16 scale per output row
q4                       4 bits, and a bfloat16 scale and zero per 32 inputs
bnb-int8                 1 byte, and a float32 scale per output row
bnb-nf4                  4 bits, and 1 byte per 64 weights and a float32 per 256 of those
torchao-int8(-dynamic)   1 byte, and a float32 scale and an int8 zero per output row
torchao-int4             4 bits, and a bfloat16 scale and zero per 32 inputs
quanto-int8, -float8     1 byte, and a bfloat16 scale per output row
quanto-int4              4 bits, and a bfloat16 scale and shift per group of inputs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .format import Format, Library, MatrixBytes, Product, round_up

EXPANDED = 8192
"""Most output rows of a 16-bit matrix that are float32 at one time, for many rows."""

EXPANDED_FOR_FEW = 1024
"""The same for few rows, where expanding costs more than multiplying and should stay in cache."""

GROUP = 32
"""Inputs of a group of 4-bit weights, and what inputs are padded to a multiple of."""

BLOCK = 64
"""What output rows are padded to a multiple of: any CPU's 4-bit packing takes so many at a time."""

FEW_ROWS = 32
"""Up to here the packed kernels read weights as stored; above, a matrix is expanded first: on an
AVX2 CPU they reach half the speed of a float32 product from about 60 rows on."""

THRESHOLD = 6.0
"""Inputs of bnb-int8 beyond it are outliers; the library's and transformers' default."""

NF4_BLOCK, NF4_NESTED = 64, 256
"""Weights that share a scale of NF4, and scales that share one in turn."""

TILE = (8, 1024)
"""Outputs and inputs that a GPU's packing of torchao-int4 takes at a time, and pads to."""

WHOLE_VECTORS = 32
"""A multiple of inputs at which torch's int8 kernel reads no further than a row's end."""

QUANTO_GROUPS = (128, 96, 64, 32)
"""Inputs of a group: the first that divides them, or the whole row up to 128 inputs, as
`optimum.quanto.nn.QModuleMixin` has it. Rows that none divides are padded to one that does."""

KERNEL_GROUP = 128
"""The one group for which quanto uses torch's 4-bit kernel."""

BITSANDBYTES = Library("bitsandbytes", "bitsandbytes", 126_000_000)
TORCHAO = Library("torchao", "torchao", 90_000_000)
QUANTO = Library("optimum.quanto", "optimum-quanto", 130_000_000)


class Float(Format):
    """Weights of `bytes` each, multiplied by the classes of `linear.py`.

    `brain` says that it is bfloat16, of which few rows are multiplied as one row is.
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


@dataclass(frozen=True)
class Quantized(Format):
    """A format out of the functions below; the fields have the meaning of `Format`'s members."""

    held_by: Callable[[int, int, str], MatrixBytes]
    needed_by: Callable[[Product], int]
    module: str
    library: Library | None = None

    def held(self, outputs: int, inputs: int, device: str) -> MatrixBytes:
        return self.held_by(outputs, inputs, device)

    def workspace(self, product: Product) -> int:
        return self.needed_by(product)


def _bytes(
    beside: int, row_multiple: int = 1, column_multiple: int = 1
) -> Callable[[int, int, str], MatrixBytes]:
    """1 byte per weight of the padded matrix and some bytes beside each of its rows."""

    def held(outputs: int, inputs: int, device: str) -> MatrixBytes:
        rows = round_up(outputs, row_multiple)
        return MatrixBytes(rows * round_up(inputs, column_multiple), beside * rows)

    return held


def _in_groups(outputs: int, inputs: int, device: str) -> MatrixBytes:
    return _grouped(round_up(outputs, BLOCK), round_up(inputs, GROUP))


def _torchao_int4(outputs: int, inputs: int, device: str) -> MatrixBytes:
    rows, columns = (BLOCK, GROUP) if device.startswith("cpu") else TILE
    return _grouped(round_up(outputs, rows), round_up(inputs, columns))


def _grouped(rows: int, columns: int) -> MatrixBytes:
    return MatrixBytes(rows * columns // 2, 4 * rows * columns // GROUP)


def _nf4(outputs: int, inputs: int, device: str) -> MatrixBytes:
    """An odd number of inputs is padded by one; the last 4 bytes are what all scales are offset by.

    The library's tables of codes are left out: all matrices share them.
    """
    count = outputs * round_up(inputs, 2)
    blocks = -(-count // NF4_BLOCK)
    return MatrixBytes(-(-count // 2), blocks + 4 * -(-blocks // NF4_NESTED) + 4)


def quanto_groups(inputs: int) -> tuple[int, int]:
    """Inputs with padding, and inputs of a group, of quanto-int4."""
    if inputs <= QUANTO_GROUPS[0]:
        return inputs, inputs
    columns = round_up(inputs, QUANTO_GROUPS[-1])
    return columns, next(size for size in QUANTO_GROUPS if columns % size == 0)


def fits_quanto_kernel(outputs: int, group: int) -> bool:
    """Whether torch's 4-bit kernel multiplies such a matrix; others are expanded each time."""
    return group == KERNEL_GROUP and outputs % BLOCK == 0


def _quanto_int4(outputs: int, inputs: int, device: str) -> MatrixBytes:
    columns, group = quanto_groups(inputs)
    count = outputs * columns // group
    return MatrixBytes(-(-count // 2) * group, 4 * count)


def _rounding(product: Product) -> int:
    """Multiplied in bfloat16 as stored."""
    return product.rounded + product.second_result


def _packed(expanded_bytes: Callable[[int], float]) -> Callable[[Product], int]:
    """Few rows are multiplied as stored, many by the expanded matrix.

    `expanded_bytes` gives the bytes of a weight expanded to activations of some bytes.
    """

    def needed(product: Product) -> int:
        if product.rows <= FEW_ROWS:
            return _rounding(product)
        weights = round_up(product.outputs, BLOCK) * round_up(product.inputs, GROUP)
        expanded = int(weights * expanded_bytes(product.activation_bytes))
        return expanded + product.second_result + product.packing

    return needed


def _bnb_int8_product(product: Product) -> int:
    outputs, inputs, rows = product.outputs, product.inputs, product.rows
    if product.cpu and product.cpu.vectors_of_512_bits:  # int8 by int8
        act = product.activation_bytes
        buffers = max((16 - act) * outputs + inputs, 9 * inputs - act * outputs)
        return rows * buffers + product.second_result
    return 4 * outputs * inputs + rows * (6 * inputs + 8 * outputs)


def _nf4_product(product: Product) -> int:
    size = product.outputs * product.inputs
    scales = 8 * size // NF4_BLOCK
    return product.activation_bytes * size + scales + product.second_result + product.packing


def _torchao_int8_product(product: Product) -> int:
    expanded = product.activation_bytes * product.outputs * product.inputs
    return expanded + product.result + product.packing


def _torchao_dynamic_product(product: Product) -> int:
    outputs, inputs, rows = product.outputs, product.inputs, product.rows
    needed = rows * (9 * inputs + 12 * outputs)
    cpu = product.cpu
    if cpu and "avx512_vnni" in cpu.flags and not cpu.amx:  # its columns are summed in 32 bits
        summed = 4 * outputs * inputs + rows * (3 * inputs + 4 * outputs)
        return max(needed, summed) + product.packing
    return needed


def _float8_product(product: Product) -> int:
    expanded = 2 * product.activation_bytes * product.outputs * product.inputs
    return expanded + product.second_result + product.packing


def _quanto_int4_product(product: Product) -> int:
    columns, group = quanto_groups(product.inputs)
    if fits_quanto_kernel(product.outputs, group):
        return _rounding(product)
    return 6 * product.outputs * columns + product.second_result


_INT8 = _packed(lambda activation: activation)
_Q4 = _packed(lambda activation: 2 * activation + 0.5)
_BNB, _AO, _QUANTO = ".bitsandbytes", ".torchao", ".quanto"

FORMATS: dict[str, Format] = {
    "fp32": Float(4),
    "bf16": Float(2, brain=True),
    "fp16": Float(2),
    "int8": Quantized(_bytes(2, BLOCK, GROUP), _INT8, ".packed"),
    "q4": Quantized(_in_groups, _Q4, ".packed"),
    "bnb-int8": Quantized(_bytes(4), _bnb_int8_product, _BNB, BITSANDBYTES),
    "bnb-nf4": Quantized(_nf4, _nf4_product, _BNB, BITSANDBYTES),
    "torchao-int8": Quantized(_bytes(5), _torchao_int8_product, _AO, TORCHAO),
    "torchao-int8-dynamic": Quantized(_bytes(5), _torchao_dynamic_product, _AO, TORCHAO),
    "torchao-int4": Quantized(_torchao_int4, _rounding, _AO, TORCHAO),
    "quanto-int8": Quantized(_bytes(2, 1, WHOLE_VECTORS), _rounding, _QUANTO, QUANTO),
    "quanto-int4": Quantized(_quanto_int4, _quanto_int4_product, _QUANTO, QUANTO),
    "quanto-float8": Quantized(_bytes(2), _float8_product, _QUANTO, QUANTO),
}
