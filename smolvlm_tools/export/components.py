"""Writes one component in one precision."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ..backends.onnx.files import INLINE_LIMIT, component_file
from ..backends.torch.shapes import linears
from ..checkpoint.config import ModelConfig
from .decoder_graph import FusedDecoder, build_embedding
from .graph import GraphBuilder
from .plain_decoder_graph import PlainDecoder
from .vision_graph import VisionTower
from .weights import Weights

LINEARS = {
    "vision_encoder": ("vision", "connector"),
    "embed_tokens": ("lm_head",),  # of the token table's shape
    "decoder_model_merged": ("decoder", "lm_head"),
}
BYTES_PER_WEIGHT = {"float": 4.0, "rows8": 1.05, "fused8": 1.05, "blocks8": 1.15, "blocks4": 0.65}


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

    `half` keeps fp32 matrices as float16 in the file.
    """
    matrices = choose_matrices(component, precision, fused=fused)
    each = 2.0 if half and matrices == "float" else BYTES_PER_WEIGHT[matrices]
    path = out / component_file(component, precision)
    external = _weight_count(component, config) * each > INLINE_LIMIT
    with closing(GraphBuilder(path, matrices, half=half, external=external)) as graph:
        if component == "vision_encoder":
            VisionTower(graph, weights, config).build(fused=fused)
        elif component == "embed_tokens":
            build_embedding(graph, weights, config)
        else:
            decoder = FusedDecoder if fused else PlainDecoder
            decoder(graph, weights, config).build()
        graph.save()


def choose_matrices(component: str, precision: str, *, fused: bool) -> str:
    """How a component holds its matrices in a precision: a key of `graph.MATRICES`.

    int8: the tower sees one tile per call, so one scale for its activations harms no other tile
    (and on the 1024 rows of a tile, that product is 2.5 times as fast as one of blocks); the
    decoder's rows must not depend on their neighbours. q4 keeps the token table in full precision,
    as the hub's files do.
    """
    if precision == "fp32" or (precision == "q4" and component == "embed_tokens"):
        return "float"
    if precision == "q4":
        return "blocks4"
    if fused and component == "vision_encoder":
        return "fused8"
    return "blocks8" if fused and component == "decoder_model_merged" else "rows8"


def _weight_count(component: str, config: ModelConfig) -> int:
    """Entries of the component's matrices, without the small patch embedding."""
    layers = linears(config)
    return sum(each.count * each.numbers for part in LINEARS[component] for each in layers[part])
