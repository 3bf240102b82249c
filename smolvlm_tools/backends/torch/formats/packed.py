"""Our own int8 and 4-bit matrices for a CPU, over torch's packed kernels.

int8 is round(w / s) with s = max|w| / 127 of each output row. q4 is (q - 8) * s + z with q in
0..15 and s, z per group of 32 inputs, from the group's smallest and largest weight: the form of
torch's `_weight_int4pack_mm_for_cpu`. In a file: `.weight`, int8 (outputs, inputs) or uint8
(outputs, inputs / 2) with the even input in the low four bits, and `.weight.scales`, bfloat16
(outputs,) or (outputs, groups, 2) of s and z; the inputs of q4 are padded to whole groups.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F

from .matrix import Layout, Matrix, Stored, row_slices
from .registry import BLOCK, FEW_ROWS, GROUP

SMALLEST_SCALE = 1e-30
"""The scale of a row or group of zeros."""


def layout(kind: str, outputs: int, inputs: int) -> Layout:
    """See `Kernels.layout`."""
    if kind == "int8":
        return {
            ".weight": (torch.int8, (outputs, inputs)),
            ".weight.scales": (torch.bfloat16, (outputs,)),
        }
    columns = inputs + -inputs % GROUP
    return {
        ".weight": (torch.uint8, (outputs, columns // 2)),
        ".weight.scales": (torch.bfloat16, (outputs, columns // GROUP, 2)),
    }


def quantize(weight: torch.Tensor, kind: str) -> Stored:
    """See `Kernels.quantize`."""
    stored = {
        name: torch.empty(shape, dtype=dtype)
        for name, (dtype, shape) in layout(kind, *weight.shape).items()
    }
    for rows in row_slices(weight):
        part = weight[rows].float()
        if kind == "int8":
            scales = (part.abs().amax(1) / 127).clamp_(min=SMALLEST_SCALE).bfloat16()
            codes = (part / scales.float()[:, None]).round_().clamp_(-127, 127)
        else:
            codes, scales = quantize_groups(F.pad(part, (0, -part.shape[1] % GROUP)))
            codes = pack_pairs(codes)
        stored[".weight"][rows], stored[".weight.scales"][rows] = codes, scales
    return stored


def matrix(
    stored: Stored,
    kind: str,
    shape: tuple[int, int],
    bias: torch.Tensor | None,
    activations: torch.dtype,
) -> Matrix:
    """See `Kernels.matrix`."""
    make = Int8Matrix if kind == "int8" else Int4Matrix
    return make(stored[".weight"], stored[".weight.scales"], shape, bias, activations)


class Packed(ABC):
    """What the two formats share: padding, and the choice between kernel and expansion.

    The kernels read whole vectors and blocks, even past the end of a row, so the matrix is padded
    with zeros to multiples of `GROUP` inputs and `BLOCK` outputs. Those of the published
    checkpoints need no padding.
    """

    def __init__(
        self,
        codes: torch.Tensor,
        scales: torch.Tensor,
        shape: tuple[int, int],
        bias: torch.Tensor | None,
        activations: torch.dtype,
    ) -> None:
        self._outputs, inputs = shape
        self._padding = -inputs % GROUP
        self._bias, self._many = bias, activations
        self._pack(codes, scales, -self._outputs % BLOCK)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._padding:
            x = F.pad(x, (0, self._padding))
        if len(x) <= FEW_ROWS:
            y = self._multiply(x.to(torch.bfloat16))
        else:
            y = x.to(self._many) @ self._expand(self._many)
        if y.shape[1] != self._outputs:
            y = y[:, : self._outputs]
        return y if self._bias is None else y + self._bias

    @abstractmethod
    def _pack(self, codes: torch.Tensor, scales: torch.Tensor, rows: int) -> None:
        """Keep codes and scales in the kernel's form, with `rows` rows of zeros added."""

    @abstractmethod
    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        """Bfloat16 (rows, inputs) -> (rows, outputs)."""

    @abstractmethod
    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        """The matrix as (inputs, outputs)."""


class Int8Matrix(Packed):
    """int8 weights with a scale per output row; few rows are rounded to bfloat16 first."""

    def _pack(self, codes: torch.Tensor, scales: torch.Tensor, rows: int) -> None:
        padded = bool(rows or self._padding)
        self._weight = F.pad(codes, (0, self._padding, 0, rows)) if padded else codes
        self._scales = F.pad(scales, (0, rows)) if rows else scales

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._weight_int8pack_mm(x, self._weight, self._scales)

    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        return self._weight.to(dtype).mul_(self._scales.to(dtype)[:, None]).t()


class Int4Matrix(Packed):
    """4-bit weights in groups of 32 inputs; few rows are rounded to bfloat16 first."""

    def _pack(self, codes: torch.Tensor, scales: torch.Tensor, rows: int) -> None:
        self._weight = pack_for_cpu(codes, rows)
        self._scales = F.pad(scales, (0, 0, 0, 0, 0, rows)).transpose(0, 1).contiguous()

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._weight_int4pack_mm_for_cpu(x, self._weight, GROUP, self._scales)

    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        groups, outputs, _ = self._scales.shape
        codes = unpack(self._weight, packing_block(), dtype).view(groups, GROUP, outputs)
        scales, zeros = self._scales.to(dtype).unsqueeze(1).unbind(3)  # (groups, 1, outputs)
        return torch.addcmul(zeros - 8 * scales, codes, scales).view(-1, outputs)


def quantize_groups(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (outputs, inputs) uint8, and bfloat16 scales and zeros (outputs, groups, 2)."""
    groups = weight.view(len(weight), -1, GROUP)
    low, high = groups.aminmax(dim=2)
    scales = ((high - low) / 15).clamp_(min=SMALLEST_SCALE).bfloat16()
    zeros = (low + 8 * scales.float()).bfloat16()
    codes = (groups - zeros.float()[..., None]).div_(scales.float()[..., None])
    codes = codes.round_().add_(8).clamp_(0, 15).to(torch.uint8).view(weight.shape)
    return codes, torch.stack([scales, zeros], 2)


def pack_pairs(codes: torch.Tensor) -> torch.Tensor:
    """Codes 0..15 (outputs, inputs) as (outputs, inputs / 2), the even input in the low bits."""
    return codes[:, ::2] | codes[:, 1::2] << 4


def unpack_pairs(pairs: torch.Tensor) -> torch.Tensor:
    """The inverse of `pack_pairs`, as int32."""
    return torch.stack([pairs & 15, pairs >> 4], 2).view(len(pairs), -1).to(torch.int32)


def pack_for_cpu(pairs: torch.Tensor, rows: int) -> torch.Tensor:
    """Torch's packed form of pairs (outputs, inputs / 2), with `rows` rows of zeros added."""
    outputs, half = pairs.shape
    packed = torch.empty((outputs + rows, half), dtype=torch.uint8)
    for part in row_slices(pairs, BLOCK):
        codes = unpack_pairs(pairs[part])
        codes = F.pad(codes, (0, 0, 0, -len(codes) % BLOCK))
        stop = part.start + len(codes)
        packed[part.start : stop] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    return packed


def unpack(packed: torch.Tensor, block: int, dtype: torch.dtype) -> torch.Tensor:
    """Codes (inputs, outputs) out of torch's packed form (outputs, inputs / 2).

    torch packs `block` output rows at a time, input by input: a block's first half of rows is in
    the low four bits, its second half in the high ones
    (aten/src/ATen/native/cpu/int4mm_kernel.cpp).
    """
    outputs, inputs = len(packed), packed.shape[1] * 2
    pairs = packed.view(outputs // block, inputs, block // 2)
    codes = torch.empty((inputs, outputs // block, 2, block // 2), dtype=dtype)
    codes[:, :, 0] = (pairs & 15).transpose(0, 1)
    codes[:, :, 1] = (pairs >> 4).transpose(0, 1)
    return codes.view(inputs, outputs)


@functools.cache
def packing_block() -> int:
    """Output rows that this CPU's 4-bit packing takes at a time, found by packing a matrix."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 16, (BLOCK, GROUP), dtype=torch.int32, generator=generator)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    for block in (64, 32, 16):
        if torch.equal(unpack(packed, block, torch.int32), codes.t()):
            return block
    raise RuntimeError("this torch packs 4-bit weights in an unknown order")
