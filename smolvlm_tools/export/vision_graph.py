"""The vision tower and connector as a graph; knows SigLIP's layers, not runtimes.

The computation is that of transformers' `Idefics3VisionTransformer` and `Idefics3Connector` for
full tiles, where the attention mask is all true and drops out.
"""

from __future__ import annotations

from ..checkpoint.config import ModelConfig
from ..errors import ModelInvalid
from .graph import BOOL, FLOAT, MICROSOFT, GraphBuilder
from .positions import vision_position_ids
from .weights import Weights

PREFIX = "model.vision_model."


def build_vision(graph: GraphBuilder, weights: Weights, config: ModelConfig, fused: bool) -> None:
    """pixel_values (B, N, 3, S, S) -> image_features (B * N, tokens_per_tile, hidden).

    The plain form also declares the hub's `pixel_attention_mask`, which full tiles do not need,
    and spells attention in standard operators.
    """
    size, hidden = config.vision.image_size, config.vision.hidden_size
    side = size // config.vision.patch_size
    pixels = graph.input("pixel_values", FLOAT, ["batch_size", "num_images", 3, size, size])
    if not fused:
        graph.input("pixel_attention_mask", BOOL, ["batch_size", "num_images", size, size])
    x = _embed(graph, weights, config, pixels, side)
    for layer in range(config.vision.layers):
        x = _layer(graph, weights, config, x, f"{PREFIX}encoder.layers.{layer}.", fused)
    x = _layer_norm(graph, weights, x, f"{PREFIX}post_layernorm", hidden, config)
    features = _connect(graph, weights, config, x, side)
    graph.nodes("Identity", [features], ["image_features"])
    shape = ["tiles", config.image.tokens_per_tile, config.text.hidden_size]
    graph.output("image_features", FLOAT, shape)


def _embed(
    graph: GraphBuilder, weights: Weights, config: ModelConfig, pixels: str, side: int
) -> str:
    """Tiles (B, N, 3, S, S) -> patches (T, side * side, hidden) with their positions added."""
    hidden, patch = config.vision.hidden_size, config.vision.patch_size
    size = config.vision.image_size
    tiles = graph.node("Reshape", [pixels, graph.ints(-1, 3, size, size)])
    name = f"{PREFIX}embeddings.patch_embedding"
    kernel = graph.weight(
        f"{name}.weight", weights.get(f"{name}.weight", (hidden, 3, patch, patch))
    )
    bias = graph.weight(f"{name}.bias", weights.get(f"{name}.bias", (hidden,)))
    patches = graph.node(
        "Conv", [tiles, kernel, bias], kernel_shape=[patch, patch], strides=[patch, patch]
    )
    x = graph.node("Reshape", [patches, graph.ints(-1, hidden, side * side)])
    x = graph.node("Transpose", [x], perm=[0, 2, 1])
    name = f"{PREFIX}embeddings.position_embedding.weight"
    table = weights.get(name, (side * side, hidden))
    return graph.node("Add", [x, graph.weight(name, table[vision_position_ids(side)])])


def _layer(
    graph: GraphBuilder, weights: Weights, config: ModelConfig, x: str, prefix: str, fused: bool
) -> str:
    hidden, middle = config.vision.hidden_size, config.vision.intermediate_size
    y = _layer_norm(graph, weights, x, f"{prefix}layer_norm1", hidden, config)
    attend = _fused_attention if fused else _plain_attention
    y = attend(graph, weights, config, y, f"{prefix}self_attn.")
    x = graph.node(
        "Add", [x, _linear(graph, weights, y, f"{prefix}self_attn.out_proj", hidden, hidden)]
    )
    y = _layer_norm(graph, weights, x, f"{prefix}layer_norm2", hidden, config)
    y = _linear(graph, weights, y, f"{prefix}mlp.fc1", middle, hidden)
    y = graph.node("Gelu", [y], approximate="tanh")
    return graph.node("Add", [x, _linear(graph, weights, y, f"{prefix}mlp.fc2", hidden, middle)])


def _fused_attention(
    graph: GraphBuilder, weights: Weights, config: ModelConfig, x: str, prefix: str
) -> str:
    """One node: no transposed copies, and the scores of a tile are never stored whole."""
    hidden = config.vision.hidden_size
    qkv = [_linear(graph, weights, x, f"{prefix}{p}_proj", hidden, hidden) for p in "qkv"]
    return graph.node("MultiHeadAttention", qkv, domain=MICROSOFT, num_heads=config.vision.heads)


def _plain_attention(
    graph: GraphBuilder, weights: Weights, config: ModelConfig, x: str, prefix: str
) -> str:
    hidden, heads = config.vision.hidden_size, config.vision.heads
    width = hidden // heads
    q, k, v = (
        graph.node(
            "Transpose",
            [
                graph.node(
                    "Reshape",
                    [
                        _linear(graph, weights, x, f"{prefix}{letter}_proj", hidden, hidden),
                        graph.ints(0, 0, heads, width),
                    ],
                )
            ],
            perm=[0, 2, 3, 1] if letter == "k" else [0, 2, 1, 3],
        )
        for letter in "qkv"
    )
    scores = graph.node("Mul", [graph.node("MatMul", [q, k]), graph.scalar(width**-0.5)])
    mixed = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), v])
    mixed = graph.node("Transpose", [mixed], perm=[0, 2, 1, 3])
    return graph.node("Reshape", [mixed, graph.ints(0, 0, hidden)])


def _connect(graph: GraphBuilder, weights: Weights, config: ModelConfig, x: str, side: int) -> str:
    """Pixel shuffle: each scale x scale square of patches becomes one wide token, row-major."""
    hidden, scale = config.vision.hidden_size, config.scale_factor
    if side % scale:
        raise ModelInvalid(
            f"{side} patches a side do not divide into squares of {scale}",
            "Use a checkpoint whose tile / patch size is a multiple of scale_factor.",
        )
    cells = side // scale
    wide = hidden * scale * scale
    x = graph.node("Reshape", [x, graph.ints(-1, cells, scale, cells, scale * hidden)])
    x = graph.node("Transpose", [x], perm=[0, 1, 3, 2, 4])
    x = graph.node("Reshape", [x, graph.ints(-1, cells * cells, wide)])
    name = "model.connector.modality_projection.proj"
    return graph.linear(x, name, weights.get(f"{name}.weight", (config.text.hidden_size, wide)))


def _linear(
    graph: GraphBuilder, weights: Weights, x: str, name: str, outputs: int, inputs: int
) -> str:
    matrix = weights.get(f"{name}.weight", (outputs, inputs))
    return graph.linear(x, name, matrix, weights.get(f"{name}.bias", (outputs,)))


def _layer_norm(
    graph: GraphBuilder, weights: Weights, x: str, name: str, hidden: int, config: ModelConfig
) -> str:
    scale = graph.weight(f"{name}.weight", weights.get(f"{name}.weight", (hidden,)))
    bias = graph.weight(f"{name}.bias", weights.get(f"{name}.bias", (hidden,)))
    return graph.node(
        "LayerNormalization", [x, scale, bias], axis=-1, epsilon=config.vision.layer_norm_eps
    )
