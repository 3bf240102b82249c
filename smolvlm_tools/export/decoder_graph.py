"""The decoder and the token table as graphs, in the fused form; knows Llama's layers.

The fused form keeps the hub's input and output names except `position_ids`, which
`GroupQueryAttention` derives from the mask. Keys and values may grow call by call as in the plain
form, or live in one buffer of fixed capacity bound as both past and present: no copy per token.
"""

from __future__ import annotations

import numpy as np

from ..checkpoint.config import ModelConfig
from .graph import FLOAT, INT32, INT64, MICROSOFT, GraphBuilder
from .positions import rope_frequencies
from .weights import Weights

PREFIX = "model.text_model."
EMBEDDING = f"{PREFIX}embed_tokens.weight"
HEAD = "lm_head.weight"


def fusable(config: ModelConfig) -> bool:
    """Whether `GroupQueryAttention` takes the decoder's heads: it wants multiples of 16."""
    return config.text.head_dim % 16 == 0


def build_embedding(graph: GraphBuilder, weights: Weights, config: ModelConfig) -> None:
    """input_ids (B, L) -> inputs_embeds (B, L, hidden)."""
    text = config.text
    ids = graph.input("input_ids", INT64, ["batch_size", "sequence_length"])
    rows = graph.table(ids, EMBEDDING, weights.get(EMBEDDING, (text.vocab_size, text.hidden_size)))
    graph.nodes("Identity", [rows], ["inputs_embeds"])
    graph.output("inputs_embeds", FLOAT, ["batch_size", "sequence_length", text.hidden_size])


def build_fused_decoder(graph: GraphBuilder, weights: Weights, config: ModelConfig) -> None:
    """inputs_embeds (B, L, hidden), attention_mask (B, past + L) -> logits (B, 1, vocab).

    `logits` are those of the last position only.
    """
    text = config.text
    x = graph.input("inputs_embeds", FLOAT, ["batch_size", "sequence_length", text.hidden_size])
    mask = graph.input("attention_mask", INT64, ["batch_size", "total_sequence_length"])
    shared = [*_lengths(graph, mask), *_rope_tables(graph, config)]
    h = graph.node(
        "SimplifiedLayerNormalization",
        [x, norm_weight(graph, weights, config, f"{PREFIX}layers.0.input_layernorm")],
        axis=-1,
        epsilon=text.rms_norm_eps,
    )
    for layer in range(text.layers):
        h, x = _layer(graph, weights, config, h, x, shared, layer)
    logits = graph.linear(h, HEAD, head_matrix(weights, config))
    graph.nodes("Identity", [logits], ["logits"])
    graph.output("logits", FLOAT, ["batch_size", 1, text.vocab_size])


def _layer(
    graph: GraphBuilder,
    weights: Weights,
    config: ModelConfig,
    h: str,
    x: str,
    shared: list[str],
    layer: int,
) -> tuple[str, str]:
    """Normalised input h and residual x, both (B, L, hidden) -> those of the next layer."""
    text, prefix = config.text, f"{PREFIX}layers.{layer}."
    y = _attention(graph, weights, config, h, shared, layer)
    h, x = _skip_norm(graph, weights, config, y, x, f"{prefix}post_attention_layernorm")
    names = [f"{prefix}mlp.{name}_proj.weight" for name in ("gate", "up")]
    shape = (text.intermediate_size, text.hidden_size)
    matrix = np.concatenate([weights.get(name, shape) for name in names])
    both = graph.linear(h, f"{prefix}mlp.gate_up_proj", matrix)
    gate, up = graph.nodes("Split", [both], 2, axis=2, num_outputs=2)
    gate = graph.node("QuickGelu", [gate], domain=MICROSOFT, alpha=1.0)  # alpha 1 is SiLU
    y = graph.node("Mul", [gate, up])
    y = project(
        graph, weights, y, f"{prefix}mlp.down_proj", text.hidden_size, text.intermediate_size
    )
    if layer + 1 < text.layers:
        return _skip_norm(
            graph, weights, config, y, x, f"{PREFIX}layers.{layer + 1}.input_layernorm"
        )
    bounds = [graph.ints(-1), graph.ints(2**62), graph.ints(1)]
    y, x = (graph.node("Slice", [value, *bounds]) for value in (y, x))
    return _skip_norm(graph, weights, config, y, x, f"{PREFIX}norm")


def _attention(
    graph: GraphBuilder,
    weights: Weights,
    config: ModelConfig,
    h: str,
    shared: list[str],
    layer: int,
) -> str:
    text, prefix = config.text, f"{PREFIX}layers.{layer}.self_attn."
    widths = {"q": text.heads * text.head_dim} | dict.fromkeys("kv", text.kv_heads * text.head_dim)
    matrix = np.concatenate(
        [
            weights.get(f"{prefix}{letter}_proj.weight", (width, text.hidden_size))
            for letter, width in widths.items()
        ]
    )
    qkv = graph.linear(h, f"{prefix}qkv_proj", matrix)
    past, present = declare_cache(graph, config, layer)
    mixed = graph.fresh("attention")
    graph.nodes(
        "GroupQueryAttention",
        [qkv, "", "", *past, *shared],
        [mixed, *present],
        domain=MICROSOFT,
        num_heads=text.heads,
        kv_num_heads=text.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
        scale=text.head_dim**-0.5,
    )
    return project(graph, weights, mixed, f"{prefix}o_proj", text.hidden_size, widths["q"])


def declare_cache(
    graph: GraphBuilder, config: ModelConfig, layer: int
) -> tuple[list[str], list[str]]:
    """Inputs and outputs of one layer's keys and values, (B, kv_heads, length, head_dim)."""
    kv_heads, width = config.text.kv_heads, config.text.head_dim
    past_shape = ["batch_size", kv_heads, "past_sequence_length", width]
    shape = ["batch_size", kv_heads, "total_sequence_length", width]
    kinds = ("key", "value")
    past = [graph.input(f"past_key_values.{layer}.{k}", FLOAT, past_shape) for k in kinds]
    return past, [graph.output(f"present.{layer}.{k}", FLOAT, shape) for k in kinds]


def project(
    graph: GraphBuilder, weights: Weights, x: str, name: str, outputs: int, inputs: int
) -> str:
    """Product with the bias-free layer `name`."""
    return graph.linear(x, name, weights.get(f"{name}.weight", (outputs, inputs)))


def norm_weight(graph: GraphBuilder, weights: Weights, config: ModelConfig, name: str) -> str:
    """The scale (hidden,) of the RMSNorm `name`."""
    return graph.weight(name, weights.get(f"{name}.weight", (config.text.hidden_size,)))


def head_matrix(weights: Weights, config: ModelConfig) -> np.ndarray:
    """The output matrix (vocab, hidden): `lm_head`, or the token table where they are tied."""
    name = HEAD if HEAD in weights else EMBEDDING
    return weights.get(name, (config.text.vocab_size, config.text.hidden_size))


def _skip_norm(
    graph: GraphBuilder, weights: Weights, config: ModelConfig, y: str, x: str, name: str
) -> tuple[str, str]:
    """(RMSNorm(x + y), x + y)."""
    outputs = [graph.fresh("norm"), "", "", graph.fresh("residual")]
    graph.nodes(
        "SkipSimplifiedLayerNormalization",
        [y, x, norm_weight(graph, weights, config, name)],
        outputs,
        domain=MICROSOFT,
        epsilon=config.text.rms_norm_eps,
    )
    return outputs[0], outputs[3]


def _lengths(graph: GraphBuilder, mask: str) -> tuple[str, str]:
    """seqlens_k (B,) and total_sequence_length (), both int32, from the mask."""
    counted = graph.node("ReduceSum", [mask, graph.ints(1)], keepdims=0)
    last = graph.node("Sub", [counted, graph.ints(1)])
    total = graph.node("Gather", [graph.node("Shape", [mask]), graph.constant_int(1)])
    return graph.node("Cast", [last], to=INT32), graph.node("Cast", [total], to=INT32)


def _rope_tables(graph: GraphBuilder, config: ModelConfig) -> tuple[str, str]:
    """Cosines and sines (context, head_dim / 2), computed once when the graph is loaded."""
    text = config.text
    zero, end, one = (graph.constant_int(n) for n in (0, text.context_length, 1))
    positions = graph.node("Cast", [graph.node("Range", [zero, end, one])], to=FLOAT)
    column = graph.node("Unsqueeze", [positions, graph.ints(1)])
    frequencies = graph.constant(rope_frequencies(text.rope_theta, text.head_dim)[None])
    angles = graph.node("Mul", [column, frequencies])
    return graph.node("Cos", [angles]), graph.node("Sin", [angles])
