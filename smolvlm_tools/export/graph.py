"""Builds one ONNX graph node by node and writes it.

A matrix product is written in the form its precision asks for (`linear`, `table`): the modules
that describe layers say what is computed, this one says how the weights are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from ..backends.onnx.files import BLOCKS
from .graph_file import TensorStream
from .quantize import Floats, quantize_blocks, quantize_rows, search_blocks

OPSET = 20
IR_VERSION = 10
MICROSOFT = "com.microsoft"
INT8_LIMIT = 64
"""Largest weight in a product with dynamic uint8 activations. CPUs without VNNI sum two such
products in 16 bits and saturate: 2 * 255 * 64 still fits. With 127, errors of 40 % were seen."""

FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9
"""Element types as onnx.proto numbers them."""

MATRICES = {
    "float": "float32, or float16 widened when the graph is loaded",
    "rows8": "8 bits, a scale per output; activations 8 bits, one scale a call",
    "fused8": "as rows8, each product one operator of com.microsoft",
    "blocks8": "8 bits, a scale per block of inputs; activations 8 bits, a scale per row and block",
    "blocks4": "4 bits, a scale and a zero point per block; activations as blocks8",
}
"""Ways to hold a matrix. Blocks keep one row's activations from setting another's scale; rows8 is
two to three times as fast on many rows at once, and made of standard operators. fused8 computes
the same in one operator, bias included, so that no runtime has to recognise the pattern first."""

Shape = Sequence[int | str]


class GraphBuilder:
    """One graph under construction.

    Args:
        path: the .onnx file to write.
        matrices: a key of `MATRICES`: how `linear` and `table` store theirs.
        half: keep fp32 matrices as float16 in the file; ONNX Runtime widens them when it loads.
        external: keep large arrays in `<path>_data` instead of in the graph.
    """

    def __init__(self, path: Path, matrices: str, *, half: bool, external: bool) -> None:
        self.path = path
        self._matrices = matrices
        self._half = half
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._count = 0
        self._small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._quantized: dict[str, list[str]] = {}
        self._tensors = TensorStream(path, external=external)

    def input(self, name: str, element: int, shape: Shape) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def option(self, name: str, default: int) -> str:
        """An input that is a number, and may be left out."""
        self._tensors.add(self.input(name, INT64, []), np.array(default, np.int64))
        return name

    def output(self, name: str, element: int, shape: Shape) -> str:
        self._outputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def node(self, op: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return that output's name."""
        return self.nodes(op, inputs, [self.fresh(op)], domain=domain, **attributes)[0]

    def nodes(
        self,
        op: str,
        inputs: Sequence[str],
        outputs: Sequence[str] | int,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Add a node with several outputs, given by name or as a number of new names."""
        if isinstance(outputs, int):
            outputs = [self.fresh(op) for _ in range(outputs)]
        name = self.fresh(f"{op}_node")
        node = helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes)
        self._nodes.append(node)
        return list(outputs)

    def constant(self, value: NDArray[Any]) -> str:
        """A small array of the graph itself; equal ones are stored once."""
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._small:
            self._small[key] = self._tensors.add(self.fresh("constant"), value)
        return self._small[key]

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def constant_int(self, value: int) -> str:
        return self.constant(np.array(value, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def weight(self, name: str, value: Floats) -> str:
        """A weight that stays float32 (or float16 if `half`) in every precision."""
        if not self._half or value.ndim < 2:
            return self._tensors.add(name, value)
        stored = self._tensors.add(f"{name}.fp16", value.astype(np.float16))
        return self.node("Cast", [stored], to=FLOAT)

    def linear(self, x: str, name: str, weight: Floats, bias: Floats | None = None) -> str:
        """Multiply: x @ weight.T + bias with `weight` (outputs, inputs)."""
        if self._matrices == "fused8":
            return self._fused_row_product(x, name, weight, bias)
        if self._matrices == "float":
            y = self.node("MatMul", [x, self.weight(name, weight.T)])
        elif self._matrices == "rows8":
            y = self._row_product(x, name, weight)
        else:
            y = self._block_product(x, name, weight, bits=int(self._matrices[-1]))
        return y if bias is None else self.node("Add", [y, self.weight(f"{name}.bias", bias)])

    def table(self, ids: str, name: str, weight: Floats) -> str:
        """Rows `ids` of `weight`, stored in 8 bits with a scale per row unless "float"."""
        if self._matrices != "float":
            levels, scales = quantize_rows(weight)
            rows = self.node("Gather", [self._tensors.add(f"{name}.int8", levels), ids])
            scale = self.node("Gather", [self._tensors.add(f"{name}.scale", scales[:, None]), ids])
            return self.node("Mul", [self.node("Cast", [rows], to=FLOAT), scale])
        if not self._half:
            return self.node("Gather", [self._tensors.add(name, weight), ids])
        stored = self._tensors.add(f"{name}.fp16", weight.astype(np.float16))
        return self.node("Cast", [self.node("Gather", [stored, ids])], to=FLOAT)

    def save(self) -> None:
        """Write the file. The builder cannot be used afterwards."""
        graph = helper.make_graph(self._nodes, self.path.stem, self._inputs, self._outputs)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="smolvlm-tools"
        )
        self._tensors.write_model(model)

    def close(self) -> None:
        self._tensors.close()

    def _row_operands(self, x: str, name: str, weight: Floats) -> list[str]:
        """`x` in 8 bits, the matrix, the steps of both, and the zero point of `x`."""
        levels, scales = quantize_rows(weight, INT8_LIMIT)
        matrix = self._tensors.add(f"{name}.int8", levels.T)
        scale = self._tensors.add(f"{name}.scale", scales)
        if x not in self._quantized:  # all products of one `x` share this
            self._quantized[x] = self.nodes("DynamicQuantizeLinear", [x], 3)
        quantized, step, zero = self._quantized[x]
        return [quantized, matrix, step, scale, zero]

    def _row_product(self, x: str, name: str, weight: Floats) -> str:
        quantized, matrix, step, scales, zero = self._row_operands(x, name, weight)
        sums = self.node("MatMulInteger", [quantized, matrix, zero])
        scale = self.node("Mul", [step, scales])
        return self.node("Mul", [self.node("Cast", [sums], to=FLOAT), scale])

    def _fused_row_product(self, x: str, name: str, weight: Floats, bias: Floats | None) -> str:
        inputs = self._row_operands(x, name, weight)
        if bias is not None:
            inputs += ["", self.weight(f"{name}.bias", bias)]  # "": weights have no zero point
        return self.node("MatMulIntegerToFloat", inputs, domain=MICROSOFT)

    def _block_product(self, x: str, name: str, weight: Floats, bits: int) -> str:
        block = BLOCKS[bits]
        blocks = (search_blocks if bits == 4 else quantize_blocks)(weight, block)
        inputs = [x, self._tensors.add(f"{name}.q{bits}", blocks.packed)]
        inputs.append(self._tensors.add(f"{name}.scale", blocks.scales))
        if blocks.zeros is not None:
            inputs.append(self._tensors.add(f"{name}.zero", blocks.zeros))
        return self.node(
            "MatMulNBits",
            inputs,
            domain=MICROSOFT,
            N=weight.shape[0],
            K=weight.shape[1],
            bits=bits,
            block_size=block,
            accuracy_level=4,  # activations as int8, a scale for each run of a block
        )

    def fresh(self, kind: str) -> str:
        """A value name that nothing else in the graph has."""
        self._count += 1
        return f"{kind}_{self._count}"
