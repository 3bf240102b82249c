"""Layers of a checkpoint as nodes of a graph, found by the names of their tensors."""

from __future__ import annotations

from ..backends.torch.build import EMBEDDING, HEAD
from ..checkpoint.config import ModelConfig
from .graph import FLOAT, INT64, GraphBuilder
from .weights import Weights


class Layers:
    """What the tower and both forms of the decoder have in common."""

    def __init__(self, graph: GraphBuilder, weights: Weights, config: ModelConfig) -> None:
        self.graph, self.node = graph, graph.node
        self.weights, self.config = weights, config

    def tensor(self, name: str, *shape: int) -> str:
        """A tensor that is used as it is."""
        return self.graph.weight(name, self.weights.get(name, shape))

    def linear(self, x: str, name: str, outputs: int, inputs: int, *, bias: bool = False) -> str:
        """Product with the linear layer `name`."""
        matrix = self.weights.get(f"{name}.weight", (outputs, inputs))
        shift = self.weights.get(f"{name}.bias", (outputs,)) if bias else None
        return self.graph.linear(x, name, matrix, shift)


class DecoderLayers(Layers):
    """Llama's layers, as far as the fused and the plain form agree."""

    def inputs(self) -> tuple[str, str]:
        """Declare inputs_embeds (B, L, hidden) and attention_mask (B, past + L)."""
        hidden = self.config.text.hidden_size
        x = self.graph.input("inputs_embeds", FLOAT, ["batch_size", "sequence_length", hidden])
        shape = ["batch_size", "total_sequence_length"]
        return x, self.graph.input("attention_mask", INT64, shape)

    def cache(self, layer: int) -> tuple[list[str], list[str]]:
        """Declare a layer's past and present keys and values, (B, kv_heads, length, head_dim)."""
        kv_heads, width = self.config.text.kv_heads, self.config.text.head_dim
        past_shape = ["batch_size", kv_heads, "past_sequence_length", width]
        shape = ["batch_size", kv_heads, "total_sequence_length", width]
        kinds = ("key", "value")
        past = [self.graph.input(f"past_key_values.{layer}.{k}", FLOAT, past_shape) for k in kinds]
        return past, [self.graph.output(f"present.{layer}.{k}", FLOAT, shape) for k in kinds]

    def norm_weight(self, name: str) -> str:
        """The scale (hidden,) of the RMSNorm `name`; the graph names it without ".weight"."""
        stored = self.weights.get(f"{name}.weight", (self.config.text.hidden_size,))
        return self.graph.weight(name, stored)

    def logits(self, h: str, positions: int | str) -> None:
        """Multiply by the output matrix, which is the token table where the two are tied."""
        text = self.config.text
        stored = HEAD if HEAD in self.weights else EMBEDDING
        matrix = self.weights.get(stored, (text.vocab_size, text.hidden_size))
        self.graph.nodes("Identity", [self.graph.linear(h, HEAD, matrix)], ["logits"])
        self.graph.output("logits", FLOAT, ["batch_size", positions, text.vocab_size])
