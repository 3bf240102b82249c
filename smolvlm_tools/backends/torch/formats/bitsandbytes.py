"""Kernels of bitsandbytes' 8-bit and NF4 matrices.

`bnb-int8` is LLM.int8(): weights and activations in 8 bits by row, except inputs above 6, which are
multiplied in full. `bnb-nf4` has blocks of 64 weights, and its scales are quantized again ("double
quantization"). Tensors in files are named as transformers names them.
"""

from __future__ import annotations

import json
from typing import Any

import bitsandbytes.functional as bnb
import torch
import torch.nn.functional as F
from bitsandbytes.autograd._functions import matmul_4bit

from ....errors import ModelInvalid
from .matrix import Layout, Matrix, Stored, row_slices
from .registry import NF4_BLOCK, NF4_NESTED, THRESHOLD

STATE = ".weight.quant_state.bitsandbytes__nf4"
STATE_LENGTH = 256
"""Bytes; the JSON is padded with spaces, so that a file's size is known beforehand."""

_tables: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}


def layout(kind: str, outputs: int, inputs: int) -> Layout:
    """See `Kernels.layout`."""
    if kind == "bnb-int8":
        return {
            ".weight": (torch.int8, (outputs, inputs)),
            ".SCB": (torch.float32, (outputs,)),
            ".weight_format": (torch.uint8, ()),
        }
    count = outputs * (inputs + inputs % 2)
    blocks = -(-count // NF4_BLOCK)
    return {
        ".weight": (torch.uint8, (-(-count // 2), 1)),
        ".weight.absmax": (torch.uint8, (blocks,)),
        ".weight.quant_map": (torch.float32, (16,)),
        ".weight.nested_absmax": (torch.float32, (-(-blocks // NF4_NESTED),)),
        ".weight.nested_quant_map": (torch.float32, (256,)),
        STATE: (torch.uint8, (STATE_LENGTH,)),
    }


def quantize(weight: torch.Tensor, kind: str) -> Stored:
    """See `Kernels.quantize`."""
    return _quantize_int8(weight) if kind == "bnb-int8" else _quantize_nf4(weight)


def matrix(
    stored: Stored,
    kind: str,
    shape: tuple[int, int],
    bias: torch.Tensor | None,
    activations: torch.dtype,
) -> Matrix:
    """See `Kernels.matrix`."""
    if kind == "bnb-int8":
        return BnbInt8Matrix(stored[".weight"], stored[".SCB"], bias)
    return BnbNf4Matrix(stored, shape, bias)


class BnbInt8Matrix:
    """What the library's `MatMul8bitLt` does, without its copies for training."""

    def __init__(
        self, weight: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None
    ) -> None:
        self._weight, self._scales, self._bias = weight, scales, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        rows = x if x.device.type == "cpu" else x.half()  # GPU kernels take nothing else
        codes, scales, outliers = bnb.int8_vectorwise_quant(rows, THRESHOLD)
        y, _ = torch.ops.bitsandbytes.int8_mixed_scaled_mm(
            rows, codes, self._weight, scales, self._scales, outliers
        )
        y = y.to(x.dtype)
        return y if self._bias is None else y + self._bias


class BnbNf4Matrix:
    """Weights in 4 bits; an odd number of inputs is padded with a zero.

    A block may reach from one row into the next, but the library's kernels for AVX-512 begin one
    with every row. On a CPU, a matrix with such blocks is expanded for each product, as rows of one
    block each.
    """

    def __init__(self, stored: Stored, shape: tuple[int, int], bias: torch.Tensor | None) -> None:
        outputs, inputs = shape
        self._padding, self._bias = inputs % 2, bias
        self._shape = outputs, inputs + self._padding
        self._weight = stored[".weight"]
        code, nested_code = _code_tables(self._weight.device)
        offset = torch.tensor(_offset(stored[STATE]), device=self._weight.device)
        scales = bnb.QuantState(
            absmax=stored[".weight.nested_absmax"],
            blocksize=NF4_NESTED,
            code=nested_code,
            dtype=torch.float32,
        )
        self._state = bnb.QuantState(
            absmax=stored[".weight.absmax"],
            shape=torch.Size(self._shape),
            code=code,
            blocksize=NF4_BLOCK,
            quant_type="nf4",
            dtype=torch.float32,
            offset=offset,
            state2=scales,
        )
        self._scales, self._offset = scales, offset
        self._by_blocks = self._weight.device.type == "cpu" and self._shape[1] % NF4_BLOCK != 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._padding:
            x = F.pad(x, (0, 1))
        if self._by_blocks:
            y = F.linear(x, self._expand(x.dtype))
        else:
            y = matmul_4bit(x, self._weight, quant_state=self._state)
        return y if self._bias is None else y + self._bias

    def _expand(self, dtype: torch.dtype) -> torch.Tensor:
        """The weight (outputs, inputs), padding included."""
        scales = bnb.dequantize_blockwise(self._state.absmax, self._scales) + self._offset
        missing = len(scales) * NF4_BLOCK // 2 - len(self._weight)
        blocks = torch.ops.bitsandbytes.dequantize_4bit(
            F.pad(self._weight.flatten(), (0, missing)),
            scales,
            NF4_BLOCK,
            "nf4",
            (len(scales), NF4_BLOCK),
            dtype,
        )
        outputs, inputs = self._shape
        return blocks.flatten()[: outputs * inputs].view(outputs, inputs)


def _offset(state: torch.Tensor) -> float:
    """What all scales of NF4 are offset by; the rest of the state is known."""
    try:
        return float(json.loads(bytes(state.cpu().tolist()))["nested_offset"])
    except (ValueError, LookupError, TypeError) as error:
        raise ModelInvalid(
            f"a quant_state of bitsandbytes is damaged ({error})", "Quantize the checkpoint again."
        ) from error


def _quantize_int8(weight: torch.Tensor) -> Stored:
    parts = [bnb.int8_vectorwise_quant(weight[rows].half()) for rows in row_slices(weight)]
    return {
        ".weight": torch.cat([part[0] for part in parts]),
        ".SCB": torch.cat([part[1] for part in parts]),
        ".weight_format": torch.zeros((), dtype=torch.uint8),  # "row"
    }


def _quantize_nf4(weight: torch.Tensor) -> Stored:
    """In parts of whole blocks, which gives the same as quantizing all at once."""
    weight = F.pad(weight, (0, 1)) if weight.shape[1] % 2 else weight
    parts = [
        torch.ops.bitsandbytes.quantize_4bit(
            weight[rows].contiguous(), NF4_BLOCK, "nf4", torch.uint8
        )
        for rows in row_slices(weight, NF4_BLOCK)
    ]
    scales = torch.cat([part[1] for part in parts]).float()
    offset = scales.mean()
    nested, state = bnb.quantize_blockwise(scales - offset, blocksize=NF4_NESTED)
    code, nested_code = _code_tables(weight.device)
    about = {
        "quant_type": "nf4",
        "blocksize": NF4_BLOCK,
        "dtype": str(weight.dtype).removeprefix("torch."),
        "shape": list(weight.shape),
        "nested_blocksize": NF4_NESTED,
        "nested_dtype": "float32",
        "nested_offset": float(offset),
    }
    text = json.dumps(about).encode().ljust(STATE_LENGTH)
    return {
        ".weight": torch.cat([part[0] for part in parts]),
        ".weight.absmax": nested,
        ".weight.quant_map": code,
        ".weight.nested_absmax": state.absmax,
        ".weight.nested_quant_map": nested_code,
        STATE: torch.tensor(list(text), dtype=torch.uint8),
    }


def _code_tables(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The values of NF4 and of quantized scales: one copy for all matrices of a device."""
    if str(device) not in _tables:
        code: Any = bnb.get_4bit_type("nf4", device=device)
        nested: Any = bnb.create_dynamic_map().to(device)
        _tables[str(device)] = (code, nested)
    return _tables[str(device)]
