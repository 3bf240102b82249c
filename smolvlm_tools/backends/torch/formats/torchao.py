"""Kernels of torchao's int8 and int4 matrices.

int8 has a scale per output row; `-dynamic` quantizes activations by row too. int4 has a scale and a
zero per 32 inputs. A CPU and a GPU pack it differently, so files hold torchao's plain `Int4Tensor`
form, which is packed at load. Tensors in files are named as torchao flattens them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torchao.quantization import Int8Tensor, PerRow
from torchao.quantization.quant_primitives import (
    MappingType,
    _choose_qparams_affine_tinygemm,  # pyright: ignore[reportPrivateUsage]
    _quantize_affine_tinygemm,  # pyright: ignore[reportPrivateUsage]
)
from torchao.quantization.quantize_.workflows import QuantizeTensorToInt8Kwargs

from .matrix import Layout, Matrix, Stored, row_slices
from .packed import pack_for_cpu, pack_pairs, unpack_pairs
from .registry import BLOCK, GROUP, TILE

DATA, SCALE, ZERO = "._weight_qdata", "._weight_scale", "._weight_zero_point"
INNER_TILES = 8
"""Of the GPU's packing, as in torchao's `Int4TilePackedTo4dTensor`."""


def layout(kind: str, outputs: int, inputs: int) -> Layout:
    """See `Kernels.layout`."""
    if kind == "torchao-int4":
        columns = inputs + -inputs % GROUP
        groups = (columns // GROUP, outputs)
        return {
            DATA: (torch.int8, (outputs, columns // 2)),
            SCALE: (torch.bfloat16, groups),
            ZERO: (torch.bfloat16, groups),
        }
    return {
        DATA: (torch.int8, (outputs, inputs)),
        SCALE: (torch.float32, (outputs, 1)),
        ZERO: (torch.int8, (outputs, 1)),
    }


def quantize(weight: torch.Tensor, kind: str) -> Stored:
    """See `Kernels.quantize`."""
    parts = row_slices(weight)
    if kind == "torchao-int4":
        codes, scales, zeros = zip(*(_int4(weight[rows]) for rows in parts), strict=True)
        return {DATA: torch.cat(codes), SCALE: torch.cat(scales, 1), ZERO: torch.cat(zeros, 1)}
    made: list[Any] = [Int8Tensor.from_hp(weight[rows].float(), PerRow()) for rows in parts]
    return {
        DATA: torch.cat([part.qdata for part in made]),
        SCALE: torch.cat([part.scale for part in made]),
        ZERO: torch.cat([part.zero_point for part in made]),
    }


def matrix(
    stored: Stored,
    kind: str,
    shape: tuple[int, int],
    bias: torch.Tensor | None,
    activations: torch.dtype,
) -> Matrix:
    """See `Kernels.matrix`."""
    if kind == "torchao-int4":
        return TorchaoMatrix(_pack_int4(stored, shape), bias, torch.bfloat16)
    dynamic = QuantizeTensorToInt8Kwargs(granularity=PerRow()) if "dynamic" in kind else None
    weight = Int8Tensor(
        stored[DATA],
        stored[SCALE],
        [1, shape[1]],
        activations,
        zero_point=stored[ZERO],
        act_quant_kwargs=dynamic,
    )
    return TorchaoMatrix(weight, bias, activations)


class TorchaoMatrix:
    """Rows times one of the library's tensors; where it is padded, the inputs are too."""

    def __init__(self, weight: Any, bias: torch.Tensor | None, multiplied: torch.dtype) -> None:
        self._weight, self._bias, self._multiplied = weight, bias, multiplied
        self._outputs, self._inputs = weight.shape

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if padding := self._inputs - x.shape[1]:
            x = F.pad(x, (0, padding))
        y = F.linear(x.to(self._multiplied), self._weight)
        return y if self._bias is None else y + self._bias


def _int4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Signed codes in pairs, and scales and zeros of (groups, outputs), for some rows."""
    weight = F.pad(weight.float(), (0, -weight.shape[1] % GROUP))
    block: Any = [1, GROUP]
    scales, zeros = _choose_qparams_affine_tinygemm(
        weight,
        MappingType.ASYMMETRIC,
        block,
        torch.int32,
        quant_min=0,
        quant_max=15,
        eps=1e-6,
        scale_dtype=torch.bfloat16,
        zero_point_dtype=torch.bfloat16,
    )
    codes = _quantize_affine_tinygemm(weight, block, scales, zeros, torch.int32, 0, 15)
    pairs = pack_pairs((codes - 8 & 15).to(torch.uint8)).view(torch.int8)
    groups = (len(weight), -1)
    return pairs, scales.view(groups).t().contiguous(), zeros.view(groups).t().contiguous()


def _pack_int4(stored: Stored, shape: tuple[int, int]) -> Any:
    """The tensor that the device's kernel takes."""
    pairs = stored[DATA].view(torch.uint8) ^ 0x88  # signed to unsigned
    scales = torch.stack([stored[SCALE], stored[ZERO]], 2)  # (groups, outputs, 2)
    outputs, columns = len(pairs), 2 * pairs.shape[1]
    if pairs.device.type == "cpu":
        from torchao.prototype.quantization.int4 import Int4OpaqueTensor

        rows = -outputs % BLOCK
        packed, scales = pack_for_cpu(pairs, rows), F.pad(scales, (0, 0, 0, rows))
        return Int4OpaqueTensor(packed, scales, [1, GROUP], torch.Size((outputs, columns)))
    if pairs.device.type != "cuda":
        raise RuntimeError("torchao packs 4-bit weights for a CPU or a CUDA device only")
    return _pack_for_cuda(pairs, scales, shape)


def _pack_for_cuda(pairs: torch.Tensor, scales: torch.Tensor, shape: tuple[int, int]) -> Any:
    """What `Int4TilePackedTo4dTensor.from_hp` does; padding has the scale zero."""
    from torchao.quantization import Int4TilePackedTo4dTensor

    outputs, columns = len(pairs), 2 * pairs.shape[1]
    rows, more = -outputs % TILE[0], -columns % TILE[1]
    codes = F.pad(unpack_pairs(pairs), (0, more, 0, rows))
    swapped = (codes[:, ::2] << 4 | codes[:, 1::2]).to(torch.uint8).contiguous()
    packed = torch.ops.aten._convert_weight_to_int4pack(swapped, INNER_TILES)
    scales = F.pad(scales, (0, 0, 0, rows, 0, more // GROUP)).contiguous()
    return Int4TilePackedTo4dTensor(packed, scales, [1, GROUP], torch.Size(shape))
