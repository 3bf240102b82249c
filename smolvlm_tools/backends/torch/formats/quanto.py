"""Kernels of optimum-quanto's int8, int4 and float8 matrices.

8 bits have a scale per output row, 4 bits a scale and a shift per group of inputs. Tensors in files
are named as quanto's `state_dict` names them and have its form for any kernel; 4 bits are packed at
load where torch's kernel takes them. Only kernels that are built into torch are used: quanto's own
would be compiled on this machine.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from optimum.quanto import AbsmaxOptimizer, MaxOptimizer, qfloat8_e4m3fn, qint4, qint8
from optimum.quanto.tensor import WeightQBitsTensor
from optimum.quanto.tensor.packed import PackedTensor

from .matrix import Layout, Matrix, Stored, row_slices
from .registry import WHOLE_VECTORS, fits_quanto_kernel, quanto_groups

DATA, SCALE, SHIFT = ".weight._data", ".weight._scale", ".weight._shift"
PACKED = f"{DATA}._data"


def layout(kind: str, outputs: int, inputs: int) -> Layout:
    """See `Kernels.layout`."""
    if kind != "quanto-int4":
        dtype = torch.int8 if kind == "quanto-int8" else torch.float8_e4m3fn
        return {DATA: (dtype, (outputs, inputs)), SCALE: (torch.bfloat16, (outputs, 1))}
    columns, group = quanto_groups(inputs)
    count = outputs * columns // group
    return {
        PACKED: (torch.uint8, (-(-count // 2), group)),
        SCALE: (torch.bfloat16, (count, 1)),
        SHIFT: (torch.bfloat16, (count, 1)),
    }


def quantize(weight: torch.Tensor, kind: str) -> Stored:
    """See `Kernels.quantize`."""
    parts = [weight[rows] for rows in row_slices(weight)]
    with _without_inference_mode():
        if kind == "quanto-int4":
            return _quantize_int4(parts)
        qtype = qint8 if kind == "quanto-int8" else qfloat8_e4m3fn
        data: list[torch.Tensor] = []
        scales: list[torch.Tensor] = []
        for part in parts:
            part = part.float()
            scale = AbsmaxOptimizer()(part, qtype=qtype, axis=0).bfloat16()
            scale = scale.clamp_(min=torch.finfo(torch.bfloat16).tiny)
            scales.append(scale)
            data.append(torch.ops.quanto.quantize_symmetric(part, qtype.dtype, 0, scale.float()))
        return {DATA: torch.cat(data), SCALE: torch.cat(scales)}


def matrix(
    stored: Stored,
    kind: str,
    shape: tuple[int, int],
    bias: torch.Tensor | None,
    activations: torch.dtype,
) -> Matrix:
    """See `Kernels.matrix`."""
    if kind == "quanto-int4":
        return QuantoInt4Matrix(stored, shape, bias)
    on_cpu = stored[DATA].device.type == "cpu"
    multiplied = torch.bfloat16 if kind == "quanto-int8" and on_cpu else activations
    return QuantoBytesMatrix(stored, bias, multiplied)


class QuantoBytesMatrix:
    """8-bit weights times rows in the dtype `multiplied`."""

    def __init__(self, stored: Stored, bias: torch.Tensor | None, multiplied: torch.dtype) -> None:
        self._data, self._scale = stored[DATA], stored[SCALE]
        self._bias, self._multiplied = bias, multiplied
        whole = self._data.dtype == torch.int8 and self._data.device.type == "cpu"
        self._padding = -self._data.shape[1] % WHOLE_VECTORS if whole else 0
        if self._padding:
            self._data = F.pad(self._data, (0, self._padding))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self._multiplied)
        if self._padding:
            x = F.pad(x, (0, self._padding))
        y = torch.ops.quanto.qbytes_mm(x, self._data, self._scale.to(x.dtype))
        return y if self._bias is None else y + self._bias


class QuantoInt4Matrix:
    """4-bit weights, multiplied by torch's kernel or expanded for each product."""

    def __init__(self, stored: Stored, shape: tuple[int, int], bias: torch.Tensor | None) -> None:
        self._bias, (outputs, inputs) = bias, shape
        columns, group = quanto_groups(inputs)
        self._padding = columns - inputs
        count = outputs * columns // group
        with _without_inference_mode():
            weight: Any = WeightQBitsTensor(
                qint4,
                0,
                group,
                torch.Size((outputs, columns)),
                (columns, 1),
                PackedTensor(stored[PACKED].clone(), 4, torch.Size((count, group)), (group, 1)),
                stored[SCALE].clone(),
                stored[SHIFT].clone(),
            )
            self._packed = fits_quanto_kernel(outputs, group)
            self._weight = weight.optimize() if self._packed else weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._padding:
            x = F.pad(x, (0, self._padding))
        with _without_inference_mode():
            if self._packed:
                y = F.linear(x.bfloat16(), self._weight)
            else:
                y = F.linear(x, self._weight.dequantize().to(x.dtype))
        return y if self._bias is None else y + self._bias


def _quantize_int4(parts: list[torch.Tensor]) -> Stored:
    columns, group = quanto_groups(parts[0].shape[1])
    codes: list[torch.Tensor] = []
    scales: list[torch.Tensor] = []
    shifts: list[torch.Tensor] = []
    for part in parts:
        part = F.pad(part, (0, columns - part.shape[1])).float()
        scale, shift = MaxOptimizer()(part, qtype=qint4, axis=0, group_size=group)
        scale = scale.bfloat16().clamp_(min=torch.finfo(torch.bfloat16).tiny)
        shift = shift.bfloat16()
        scales.append(scale)
        shifts.append(shift)
        quantize_affine = torch.ops.quanto.quantize_affine
        codes.append(quantize_affine(part, 4, 0, group, scale.float(), shift.float()))
    packed: Any = PackedTensor.pack(torch.cat(codes), 4)
    return {PACKED: packed._data, SCALE: torch.cat(scales), SHIFT: torch.cat(shifts)}


@contextmanager
def _without_inference_mode() -> Generator[None]:
    """Inside it the library's tensors fail with "Cannot set version_counter"."""
    with torch.inference_mode(False), torch.no_grad():
        yield
