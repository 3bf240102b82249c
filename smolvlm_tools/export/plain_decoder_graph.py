"""The decoder as a graph of standard ONNX operators, with exactly the hub's inputs and outputs.

It serves heads that the fused operators do not take, runtimes that lack those operators, and
tests, where it stands in for the hub's own files.
"""

from __future__ import annotations

from ..checkpoint.config import ModelConfig
from .decoder_graph import HEAD, PREFIX, declare_cache, head_matrix, norm_weight, project
from .graph import BOOL, FLOAT, INT64, GraphBuilder
from .positions import rope_frequencies
from .weights import Weights

BLOCKED = -3.4028235e38
"""Score of a position that may not be seen: the lowest float32, as in transformers."""


def build_plain_decoder(graph: GraphBuilder, weights: Weights, config: ModelConfig) -> None:
    """The hub's contract: logits (B, L, vocab) and keys and values longer by L.

    Inputs are inputs_embeds (B, L, hidden), attention_mask (B, past + L), position_ids (B, L) and
    past_key_values.N.key and .value (B, kv_heads, past, head_dim).
    """
    text = config.text
    x = graph.input("inputs_embeds", FLOAT, ["batch_size", "sequence_length", text.hidden_size])
    mask = graph.input("attention_mask", INT64, ["batch_size", "total_sequence_length"])
    positions = graph.input("position_ids", INT64, ["batch_size", "sequence_length"])
    bias = _attention_bias(graph, x, mask)
    rotation = _rotation(graph, config, positions)
    for layer in range(text.layers):
        x = _layer(graph, weights, config, x, bias, rotation, layer)
    h = _rms_norm(graph, weights, config, x, f"{PREFIX}norm")
    logits = graph.linear(h, HEAD, head_matrix(weights, config))
    graph.nodes("Identity", [logits], ["logits"])
    graph.output("logits", FLOAT, ["batch_size", "sequence_length", text.vocab_size])


def _attention_bias(graph: GraphBuilder, x: str, mask: str) -> str:
    """0 where a query may see a key, else `BLOCKED`: (B, 1, L, past + L)."""
    zero, one = graph.constant_int(0), graph.constant_int(1)
    length = graph.node("Gather", [graph.node("Shape", [x]), one])
    total = graph.node("Gather", [graph.node("Shape", [mask]), one])
    keys = graph.node("Range", [zero, total, one])
    queries = graph.node("Range", [graph.node("Sub", [total, length]), total, one])
    rows = graph.node("Unsqueeze", [queries, graph.ints(1)])
    causal = graph.node("LessOrEqual", [keys, rows])
    real = graph.node("Unsqueeze", [graph.node("Cast", [mask], to=BOOL), graph.ints(1, 2)])
    visible = graph.node("And", [real, causal])
    return graph.node("Where", [visible, graph.scalar(0.0), graph.scalar(BLOCKED)])


def _rotation(graph: GraphBuilder, config: ModelConfig, positions: str) -> tuple[str, str]:
    """Cosines and sines (B, 1, L, head_dim), each half of the last axis the same."""
    frequencies = graph.constant(rope_frequencies(config.text.rope_theta, config.text.head_dim))
    column = graph.node("Unsqueeze", [graph.node("Cast", [positions], to=FLOAT), graph.ints(1, 3)])
    half = graph.node("Mul", [column, frequencies])
    angles = graph.node("Concat", [half, half], axis=-1)
    return graph.node("Cos", [angles]), graph.node("Sin", [angles])


def _layer(
    graph: GraphBuilder,
    weights: Weights,
    config: ModelConfig,
    x: str,
    bias: str,
    rotation: tuple[str, str],
    layer: int,
) -> str:
    text, prefix = config.text, f"{PREFIX}layers.{layer}."
    hidden, middle = text.hidden_size, text.intermediate_size
    h = _rms_norm(graph, weights, config, x, f"{prefix}input_layernorm")
    x = graph.node("Add", [x, _attention(graph, weights, config, h, bias, rotation, layer)])
    h = _rms_norm(graph, weights, config, x, f"{prefix}post_attention_layernorm")
    gate = project(graph, weights, h, f"{prefix}mlp.gate_proj", middle, hidden)
    up = project(graph, weights, h, f"{prefix}mlp.up_proj", middle, hidden)
    gate = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])])
    y = graph.node("Mul", [gate, up])
    return graph.node(
        "Add", [x, project(graph, weights, y, f"{prefix}mlp.down_proj", hidden, middle)]
    )


def _attention(
    graph: GraphBuilder,
    weights: Weights,
    config: ModelConfig,
    h: str,
    bias: str,
    rotation: tuple[str, str],
    layer: int,
) -> str:
    text, prefix = config.text, f"{PREFIX}layers.{layer}.self_attn."
    width, hidden = text.head_dim, text.hidden_size
    counts = {"q": text.heads, "k": text.kv_heads, "v": text.kv_heads}
    states: dict[str, str] = {}
    for letter, heads in counts.items():
        y = project(graph, weights, h, f"{prefix}{letter}_proj", heads * width, hidden)
        y = graph.node("Reshape", [y, graph.ints(0, 0, heads, width)])
        states[letter] = graph.node("Transpose", [y], perm=[0, 2, 1, 3])
    for letter in "qk":
        states[letter] = _rotate(graph, states[letter], rotation, width)
    past, present = declare_cache(graph, config, layer)
    for letter, old, new in zip("kv", past, present, strict=True):
        graph.nodes("Concat", [old, states[letter]], [new], axis=2)
    groups = text.heads // text.kv_heads
    keys, values = (_repeat(graph, name, text.kv_heads, groups, width) for name in present)
    keys = graph.node("Transpose", [keys], perm=[0, 1, 3, 2])
    scores = graph.node("MatMul", [states["q"], keys])
    scores = graph.node("Mul", [scores, graph.scalar(width**-0.5)])
    shares = graph.node("Softmax", [graph.node("Add", [scores, bias])], axis=-1)
    mixed = graph.node("Transpose", [graph.node("MatMul", [shares, values])], perm=[0, 2, 1, 3])
    mixed = graph.node("Reshape", [mixed, graph.ints(0, 0, text.heads * width)])
    return project(graph, weights, mixed, f"{prefix}o_proj", hidden, text.heads * width)


def _rotate(graph: GraphBuilder, x: str, rotation: tuple[str, str], width: int) -> str:
    """Rotate: x * cos + rotate_half(x) * sin, rotate_half((a, b)) = (-b, a)."""
    cosines, sines = rotation
    first, second = graph.nodes("Split", [x, graph.ints(width // 2, width // 2)], 2, axis=3)
    turned = graph.node("Concat", [graph.node("Neg", [second]), first], axis=-1)
    return graph.node("Add", [graph.node("Mul", [x, cosines]), graph.node("Mul", [turned, sines])])


def _repeat(graph: GraphBuilder, x: str, kv_heads: int, groups: int, width: int) -> str:
    """(B, kv_heads, length, width) -> (B, kv_heads * groups, length, width), each head repeated."""
    if groups == 1:
        return x
    x = graph.node("Unsqueeze", [x, graph.ints(2)])
    x = graph.node("Concat", [x] * groups, axis=2)
    return graph.node("Reshape", [x, graph.ints(0, kv_heads * groups, -1, width)])


def _rms_norm(graph: GraphBuilder, weights: Weights, config: ModelConfig, x: str, name: str) -> str:
    squares = graph.node("Mul", [x, x])
    mean = graph.node("ReduceMean", [squares, graph.ints(-1)], keepdims=1)
    root = graph.node("Sqrt", [graph.node("Add", [mean, graph.scalar(config.text.rms_norm_eps)])])
    scaled = graph.node("Div", [x, root])
    return graph.node("Mul", [scaled, norm_weight(graph, weights, config, name)])
