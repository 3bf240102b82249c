"""The decoder and the token table as graphs, in the fused form.

The fused form keeps the hub's input and output names except `position_ids`, which
`GroupQueryAttention` derives from the mask. Keys and values may grow call by call as in the plain
form, or live in one buffer of fixed capacity bound as both past and present: no copy per token.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..backends.onnx.files import LOGITS_KEPT
from ..backends.torch.build import EMBEDDING, TEXT
from ..checkpoint.config import ModelConfig
from .graph import FLOAT, INT32, INT64, MICROSOFT, GraphBuilder
from .layers import DecoderLayers
from .weights import Weights


def rope_frequencies(theta: float, head_dim: int) -> NDArray[np.float32]:
    """Angle per position of each rotated pair, (head_dim / 2,), as transformers' Llama has them."""
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float) / head_dim
    return (1.0 / (theta**exponents)).numpy()


def build_embedding(graph: GraphBuilder, weights: Weights, config: ModelConfig) -> None:
    """input_ids (B, L) -> inputs_embeds (B, L, hidden)."""
    text = config.text
    ids = graph.input("input_ids", INT64, ["batch_size", "sequence_length"])
    rows = graph.table(ids, EMBEDDING, weights.get(EMBEDDING, (text.vocab_size, text.hidden_size)))
    graph.nodes("Identity", [rows], ["inputs_embeds"])
    graph.output("inputs_embeds", FLOAT, ["batch_size", "sequence_length", text.hidden_size])


class FusedDecoder(DecoderLayers):
    """inputs_embeds (B, L, hidden), attention_mask (B, past + L) -> last logits (B, kept, vocab).

    `num_logits_to_keep` says how many are kept, 1 where it is left out.
    """

    def build(self) -> None:
        x, mask = self.inputs()
        shared = [*self._lengths(mask), *self._rope_tables()]
        h = self.node(
            "SimplifiedLayerNormalization",
            [x, self.norm_weight(f"{TEXT}layers.0.input_layernorm")],
            axis=-1,
            epsilon=self.config.text.rms_norm_eps,
        )
        for layer in range(self.config.text.layers):
            h, x = self._layer(h, x, shared, layer)
        self.logits(h, "logits_kept")

    def _layer(self, h: str, x: str, shared: list[str], layer: int) -> tuple[str, str]:
        """Normalised input h and residual x, both (B, L, hidden) -> those of the next layer."""
        text, prefix = self.config.text, f"{TEXT}layers.{layer}."
        y = self._attention(h, shared, layer)
        h, x = self._skip_norm(y, x, f"{prefix}post_attention_layernorm")
        width = text.intermediate_size
        both = self._joined(h, f"{prefix}mlp.", {"gate": width, "up": width})
        gate, up = self.graph.nodes("Split", [both], 2, axis=2, num_outputs=2)
        gate = self.node("QuickGelu", [gate], domain=MICROSOFT, alpha=1.0)  # alpha 1 is SiLU
        y = self.node("Mul", [gate, up])
        y = self.linear(y, f"{prefix}mlp.down_proj", text.hidden_size, width)
        if layer + 1 < text.layers:
            return self._skip_norm(y, x, f"{TEXT}layers.{layer + 1}.input_layernorm")
        kept = self.node("Neg", [self.graph.option(LOGITS_KEPT, 1)])
        start = self.node("Unsqueeze", [kept, self.graph.ints(0)])
        bounds = [start, self.graph.ints(2**62), self.graph.ints(1)]
        y, x = (self.node("Slice", [value, *bounds]) for value in (y, x))
        return self._skip_norm(y, x, f"{TEXT}norm")

    def _attention(self, h: str, shared: list[str], layer: int) -> str:
        text, prefix = self.config.text, f"{TEXT}layers.{layer}.self_attn."
        queries, keys = text.heads * text.head_dim, text.kv_heads * text.head_dim
        qkv = self._joined(h, prefix, {"q": queries, "k": keys, "v": keys})
        past, present = self.cache(layer)
        mixed = self.graph.fresh("attention")
        self.graph.nodes(
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
        return self.linear(mixed, f"{prefix}o_proj", text.hidden_size, queries)

    def _joined(self, x: str, prefix: str, widths: dict[str, int]) -> str:
        """Product with several layers at once, given by the outputs of each; one above another."""
        hidden = self.config.text.hidden_size
        parts = [
            self.weights.get(f"{prefix}{name}_proj.weight", (width, hidden))
            for name, width in widths.items()
        ]
        names = "qkv" if "q" in widths else "_".join(widths)
        return self.graph.linear(x, f"{prefix}{names}_proj", np.concatenate(parts))

    def _skip_norm(self, y: str, x: str, name: str) -> tuple[str, str]:
        """(RMSNorm(x + y), x + y)."""
        outputs = [self.graph.fresh("norm"), "", "", self.graph.fresh("residual")]
        self.graph.nodes(
            "SkipSimplifiedLayerNormalization",
            [y, x, self.norm_weight(name)],
            outputs,
            domain=MICROSOFT,
            epsilon=self.config.text.rms_norm_eps,
        )
        return outputs[0], outputs[3]

    def _lengths(self, mask: str) -> tuple[str, str]:
        """seqlens_k (B,) and total_sequence_length (), both int32, from the mask."""
        one = self.graph.ints(1)
        counted = self.node("ReduceSum", [mask, one], keepdims=0)
        last = self.node("Sub", [counted, one])
        total = self.node("Gather", [self.node("Shape", [mask]), self.graph.constant_int(1)])
        return self.node("Cast", [last], to=INT32), self.node("Cast", [total], to=INT32)

    def _rope_tables(self) -> tuple[str, str]:
        """Cosines and sines (context, head_dim / 2), computed once when the graph is loaded."""
        text, constant = self.config.text, self.graph.constant_int
        zero, end, one = constant(0), constant(text.context_length), constant(1)
        positions = self.node("Cast", [self.node("Range", [zero, end, one])], to=FLOAT)
        column = self.node("Unsqueeze", [positions, self.graph.ints(1)])
        frequencies = rope_frequencies(text.rope_theta, text.head_dim)[None]
        angles = self.node("Mul", [column, self.graph.constant(frequencies)])
        return self.node("Cos", [angles]), self.node("Sin", [angles])
