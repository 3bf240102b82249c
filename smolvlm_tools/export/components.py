"""Writes one component in one precision; knows which graph belongs to which file name."""

from __future__ import annotations

import math
from pathlib import Path

from ..backends.onnx_files import component_file
from ..model_config import ModelConfig
from .decoder_graph import build_embedding, build_fused_decoder
from .graph import GraphBuilder
from .graph_file import INLINE_LIMIT
from .plain_decoder_graph import build_plain_decoder
from .vision_graph import build_vision
from .weights import Weights

BYTES_PER_WEIGHT = {"fp32": 4.0, "int8": 1.05, "q4": 0.65}


def write_component(
    out: Path,
    component: str,
    precision: str,
    weights: Weights,
    config: ModelConfig,
    *,
    fused: bool,
    half: bool,
) -> None:
    """Write `out/onnx/<component><suffix>.onnx`, with a data file where it is too big for one.

    Args:
        out: the folder above `onnx`, which exists.
        component: one of `onnx_files.COMPONENTS`.
        precision: one of `BYTES_PER_WEIGHT`.
        weights: the open checkpoint.
        config: its numbers.
        fused: the fused form, else the plain one.
        half: keep fp32 matrices as float16 in the file.
    """
    kind = "fp32" if component == "embed_tokens" and precision == "q4" else precision
    size = _weight_count(component, config) * (2 if half else 4) * BYTES_PER_WEIGHT[kind] / 4
    path = out / component_file(component, precision)
    graph = GraphBuilder(path, kind, half=half, external=size > INLINE_LIMIT)
    try:
        if component == "vision_encoder":
            build_vision(graph, weights, config, fused)
        elif component == "embed_tokens":
            build_embedding(graph, weights, config)
        elif fused:
            build_fused_decoder(graph, weights, config)
        else:
            build_plain_decoder(graph, weights, config)
        graph.save()
    finally:
        graph.close()


def _weight_count(component: str, config: ModelConfig) -> int:
    """Entries of the component's matrices, in round numbers."""
    text, vision = config.text, config.vision
    table = text.vocab_size * text.hidden_size
    if component == "embed_tokens":
        return table
    if component == "vision_encoder":
        layer = 4 * vision.hidden_size**2 + 2 * vision.hidden_size * vision.intermediate_size
        return vision.layers * layer + math.prod(
            (vision.hidden_size, config.scale_factor**2, text.hidden_size)
        )
    heads = 2 * (text.heads + text.kv_heads) * text.head_dim
    return table + text.layers * text.hidden_size * (heads + 3 * text.intermediate_size)
