"""Matrices in each number format, times rows of activations; knows kernels, not layers.

Quantization: int8 is round(w / s) with s = max|w| / 127 of each output row. q4 is
(q - 8) * s + z with q in 0..15 and s, z per group of 32 inputs, from the group's smallest and
largest weight: the form of torch's `_weight_int4pack_mm_for_cpu`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import torch
import torch.nn.functional as F

from .torch_precision import WEIGHTS, Plan

FEW_ROWS = 32
"""Up to here the packed kernels read weights as stored; above, a matrix is expanded first: on an
AVX2 CPU they reach half the speed of a float32 product from about 60 rows on."""

GROUP = 32
BLOCK = 64
"""A multiple of the output rows that any CPU's 4-bit packing takes at a time."""

EXPANDED = 8192
"""Most output rows of a 16-bit matrix that are float32 at one time, for many rows."""

EXPANDED_FOR_FEW = 1024
"""The same for few rows, where expanding costs more than multiplying and should stay in cache."""

_QUANTIZED_AT_ONCE = 256
"""Rows; few, so that what quantizing needs is used again and not left in the heap, and a multiple
of `BLOCK`, since torch packs whole blocks of rows one after the other."""

SMALLEST_SCALE = 1e-30
"""Of a row or group of zeros."""


class Matrix(Protocol):
    """A linear layer: (rows, inputs) -> (rows, outputs).

    Results are in the dtype the kernel gives: that of the activations, or bfloat16 for few rows of
    a packed or 16-bit matrix; every conversion is a launch, and the residual they are added to
    keeps its own dtype.
    """

    def __call__(self, x: torch.Tensor) -> torch.Tensor: ...


def make_matrix(
    weight: torch.Tensor, bias: torch.Tensor | None, kind: str, plan: Plan, shared: bool = False
) -> Matrix:
    """A linear layer out of a weight (outputs, inputs) and a bias (outputs,) of any float dtype.

    Args:
        weight: as in the checkpoint.
        bias: None where there is none.
        kind: "fp32", "bf16", "fp16", "int8" or "q4".
        plan: of the model.
        shared: whether someone else holds the weight, so that a second copy would cost memory.
    """
    if bias is not None:
        bias = bias.to(plan.device, plan.activations)
    if kind == "int8":
        return Int8Matrix(weight, bias, plan)
    if kind == "q4":
        return Int4Matrix(weight, bias, plan)
    weight = weight.to(plan.device, WEIGHTS[kind])
    if weight.dtype != plan.activations:
        return StoredMatrix(weight, bias, plan)
    wide = plan.device == "cpu" and weight.dtype == torch.float32 and len(weight) > weight.shape[1]
    if wide and not shared and bias is None:
        return TransposedMatrix(weight)
    return DenseMatrix(weight, bias)


class DenseMatrix:
    """Weights in the dtype of the activations."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.weight, self._bias = weight, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight, self._bias)


class TransposedMatrix:
    """float32 weights as (inputs, outputs): one row times a wide matrix is 1.7 times as fast."""

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = weight.t().contiguous()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self._weight


class StoredMatrix:
    """16-bit weights for a CPU that multiplies float32 faster.

    One row of bfloat16 is multiplied as stored, where memory is the limit. More rows go through
    float32, and few of them are rounded as one row would be, so that it has the same result in
    company.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, plan: Plan) -> None:
        self._weight, self._bias, self._many = weight, bias, plan.activations
        self._alone = weight.dtype == torch.bfloat16

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        stored, few = self._weight.dtype, self._alone and len(x) <= FEW_ROWS
        x = x.to(stored) if few else x
        if few and len(x) == 1:
            y = F.linear(x, self._weight)
        else:
            y = self._expanded(x.to(self._many), EXPANDED_FOR_FEW if few else EXPANDED)
            y = y.to(stored) if few else y
        return y if self._bias is None else y + self._bias

    def _expanded(self, x: torch.Tensor, outputs: int) -> torch.Tensor:
        """The product, `outputs` rows of the matrix at a time."""
        if len(self._weight) <= outputs:
            return F.linear(x, self._weight.to(x.dtype))
        return torch.cat([F.linear(x, w.to(x.dtype)) for w in self._weight.split(outputs)], 1)


class Packed(ABC):
    """What the two quantized forms share: padding, and the choice between kernel and expansion.

    The kernels read whole vectors and blocks, past the end of a row that is shorter; the matrix is
    padded with zeros to multiples of `GROUP` inputs and `BLOCK` outputs, which those of the
    published checkpoints are.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, plan: Plan) -> None:
        self._outputs, inputs = weight.shape
        self._padding = -inputs % GROUP
        self._bias, self._many = bias, plan.activations
        self._allocate(self._outputs + -self._outputs % BLOCK, inputs + self._padding)
        for start in range(0, self._outputs, _QUANTIZED_AT_ONCE):
            part = weight[start : start + _QUANTIZED_AT_ONCE].float()
            part = F.pad(part, (0, self._padding, 0, -len(part) % BLOCK))
            self._quantize(slice(start, start + len(part)), part)

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
    def _allocate(self, outputs: int, inputs: int) -> None:
        """Make room for a padded matrix."""

    @abstractmethod
    def _quantize(self, rows: slice, part: torch.Tensor) -> None:
        """Store `part`, float32 (rows, inputs)."""

    @abstractmethod
    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        """Bfloat16 (rows, inputs) -> (rows, outputs)."""

    @abstractmethod
    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        """The matrix as (inputs, outputs)."""


class Int8Matrix(Packed):
    """int8 weights with a scale per output row; few rows are rounded to bfloat16 first."""

    def _allocate(self, outputs: int, inputs: int) -> None:
        self._weight = torch.empty((outputs, inputs), dtype=torch.int8)
        self._scales = torch.empty(outputs, dtype=torch.bfloat16)

    def _quantize(self, rows: slice, part: torch.Tensor) -> None:
        scales = (part.abs().amax(1) / 127).clamp_(min=SMALLEST_SCALE).bfloat16()
        self._scales[rows] = scales
        self._weight[rows] = (part / scales.float()[:, None]).round_().clamp_(-127, 127)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._weight_int8pack_mm(x, self._weight, self._scales)

    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        return self._weight.to(dtype).mul_(self._scales.to(dtype)[:, None]).t()


class Int4Matrix(Packed):
    """4-bit weights in groups of 32 inputs; few rows are rounded to bfloat16 first."""

    def _allocate(self, outputs: int, inputs: int) -> None:
        self._weight = torch.empty((outputs, inputs // 2), dtype=torch.uint8)
        self._scales = torch.empty((inputs // GROUP, outputs, 2), dtype=torch.bfloat16)

    def _quantize(self, rows: slice, part: torch.Tensor) -> None:
        codes, self._scales[:, rows] = quantize_groups(part)
        self._weight[rows] = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._weight_int4pack_mm_for_cpu(x, self._weight, GROUP, self._scales)

    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        groups, outputs, _ = self._scales.shape
        codes = unpack(self._weight, packing_block(), dtype).view(groups, GROUP, outputs)
        scales, zeros = self._scales.to(dtype).unsqueeze(1).unbind(3)  # (groups, 1, outputs)
        return torch.addcmul(zeros - 8 * scales, codes, scales).view(-1, outputs)


def quantize_groups(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (outputs, inputs) int32 and (groups, outputs, 2) bfloat16 scales and zeros."""
    groups = weight.view(len(weight), -1, GROUP)
    low, high = groups.aminmax(dim=2)
    scales = ((high - low) / 15).clamp_(min=SMALLEST_SCALE).bfloat16()
    zeros = (low + 8 * scales.float()).bfloat16()
    codes = (groups - zeros.float()[..., None]).div_(scales.float()[..., None])
    codes = codes.round_().add_(8).clamp_(0, 15).to(torch.int32).view(weight.shape)
    return codes, torch.stack([scales, zeros], 2).transpose(0, 1).contiguous()


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


_blocks: dict[str, int] = {}


def packing_block() -> int:
    """Output rows that this CPU's 4-bit packing takes at a time, found out by packing a matrix.

    Raises:
        RuntimeError: torch packs in a way not known here.
    """
    if "cpu" not in _blocks:
        generator = torch.Generator().manual_seed(0)
        codes = torch.randint(0, 16, (BLOCK, GROUP), dtype=torch.int32, generator=generator)
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
        known = [b for b in (64, 32, 16) if torch.equal(unpack(packed, b, torch.int32), codes.t())]
        if not known:
            raise RuntimeError("this torch packs 4-bit weights in an unknown order")
        _blocks["cpu"] = known[0]
    return _blocks["cpu"]
