"""Reads a vision graph into OpenVINO.

OpenVINO quantizes activations by itself, row by row, where a product's weights are small integers
with a scale each and the CPU multiplies such integers quickly. So the exported int8 file needs no
second form: while it is read, its quantization of activations is dropped and each product becomes
`x @ (int8 weights * scales)`, which is the pattern OpenVINO looks for. ONNX Runtime's fused
attention, which OpenVINO's reader does not know either, is spelled out in the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

MICROSOFT = "com.microsoft"
OPSET = "openvino.opset13"
"""The first with scaled_dot_product_attention."""


def read_graph(core: Any, path: Path) -> Any:
    """The graph at `path` for one tile a call, with `pixel_values` (1, 1, 3, S, S) as only input.

    Args:
        core: an `openvino.Core` that reads nothing else: it learns our operators here.
    """
    from openvino.frontend.onnx import ConversionExtension

    for name, domain, convert in (
        ("DynamicQuantizeLinear", "", _keep_float),
        ("MatMulInteger", "", _multiply_integers),
        ("MatMulIntegerToFloat", MICROSOFT, _multiply_scaled),
        ("MultiHeadAttention", MICROSOFT, _attend),
    ):
        core.add_extension(ConversionExtension(name, domain, convert))
    model = core.read_model(path)
    _drop_mask(model)
    return one_tile(model)


def one_tile(model: Any) -> Any:
    """The model itself, fixed to one tile a call."""
    size = model.input("pixel_values").get_partial_shape()[-1].get_length()
    model.reshape({"pixel_values": [1, 1, 3, size, size]})
    return model


def _drop_mask(model: Any) -> None:
    """Tiles are full: the mask, where a graph asks for one, is all true and folds away."""
    ops = _ops()
    size = model.input("pixel_values").get_partial_shape()[-1].get_length()
    for parameter in list(model.get_parameters()):
        if "pixel_attention_mask" in parameter.output(0).get_names():
            full = ops.constant(np.ones((1, 1, size, size), np.bool_))
            parameter.output(0).replace(full.output(0))
            model.remove_parameter(parameter)


def _keep_float(node: Any) -> list[Any]:
    """DynamicQuantizeLinear(x) -> x itself, in steps of 1 from 0."""
    ops = _ops()
    step, zero = ops.constant(np.float32(1)), ops.constant(np.uint8(0))
    return [node.get_input(0), step.output(0), zero.output(0)]


def _multiply_integers(node: Any) -> list[Any]:
    """MatMulInteger(x, weights, zero, weights' zero) of an x that `_keep_float` left as it was."""
    ops = _ops()
    weights = ops.convert(node.get_input(1), "f32")
    if node.get_input_size() > 3:
        weights = ops.subtract(weights, ops.convert(node.get_input(3), "f32"))
    return [ops.matmul(node.get_input(0), weights, False, False).output(0)]


def _multiply_scaled(node: Any) -> list[Any]:
    """MatMulIntegerToFloat(x, weights (K, N), step, scales (N,), zero, -, bias)."""
    ops = _ops()
    weights = ops.multiply(ops.convert(node.get_input(1), "f32"), node.get_input(3))
    product = ops.matmul(node.get_input(0), weights, False, False)
    if node.get_input_size() > 6:
        product = ops.add(product, node.get_input(6))
    return [product.output(0)]


def _attend(node: Any) -> list[Any]:
    """MultiHeadAttention(q, k, v [, bias (3 * width,)]) on (B, L, width), no mask."""
    ops = _ops()
    heads = node.get_attribute("num_heads")
    parts = [node.get_input(at) for at in range(3)]
    if node.get_input_size() > 3:
        biases = ops.split(node.get_input(3), ops.constant(np.int64(0)), 3).outputs()
        parts = [ops.add(part, bias) for part, bias in zip(parts, biases, strict=True)]
    order = ops.constant(np.array([0, 2, 1, 3]))
    split = ops.constant(np.array([0, 0, heads, -1]))
    mixed = ops.scaled_dot_product_attention(
        *(ops.transpose(ops.reshape(part, split, True), order) for part in parts)
    )
    joined = ops.reshape(ops.transpose(mixed, order), ops.constant(np.array([0, 0, -1])), True)
    return [joined.output(0)]


def _ops() -> Any:
    from importlib import import_module

    return import_module(OPSET)
