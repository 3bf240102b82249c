"""The decoder as a graph of standard ONNX operators, with exactly the hub's inputs and outputs.

It serves heads that the fused operators do not take, runtimes that lack those operators, and
tests, where it stands in for the hub's own files.
"""

from __future__ import annotations

from ..backends.torch.build import TEXT
from .decoder_graph import rope_frequencies
from .graph import BOOL, FLOAT, INT64
from .layers import DecoderLayers

BLOCKED = -3.4028235e38
"""Score of a position that may not be seen: the lowest float32, as in transformers."""


class PlainDecoder(DecoderLayers):
    """The hub's contract: logits (B, L, vocab) and keys and values longer by L.

    Inputs are inputs_embeds (B, L, hidden), attention_mask (B, past + L), position_ids (B, L) and
    past_key_values.N.key and .value (B, kv_heads, past, head_dim).
    """

    def build(self) -> None:
        x, mask = self.inputs()
        positions = self.graph.input("position_ids", INT64, ["batch_size", "sequence_length"])
        bias = self._attention_bias(x, mask)
        rotation = self._rotation(positions)
        for layer in range(self.config.text.layers):
            x = self._layer(x, bias, rotation, layer)
        self.logits(self._rms_norm(x, f"{TEXT}norm"), "sequence_length")

    def _attention_bias(self, x: str, mask: str) -> str:
        """0 where a query may see a key, else `BLOCKED`: (B, 1, L, past + L)."""
        graph, node = self.graph, self.node
        zero, one = graph.constant_int(0), graph.constant_int(1)
        length = node("Gather", [node("Shape", [x]), one])
        total = node("Gather", [node("Shape", [mask]), one])
        keys = node("Range", [zero, total, one])
        queries = node("Range", [node("Sub", [total, length]), total, one])
        rows = node("Unsqueeze", [queries, graph.ints(1)])
        causal = node("LessOrEqual", [keys, rows])
        real = node("Unsqueeze", [node("Cast", [mask], to=BOOL), graph.ints(1, 2)])
        visible = node("And", [real, causal])
        return node("Where", [visible, graph.scalar(0.0), graph.scalar(BLOCKED)])

    def _rotation(self, positions: str) -> tuple[str, str]:
        """Cosines and sines (B, 1, L, head_dim), each half of the last axis the same."""
        text, node = self.config.text, self.node
        frequencies = self.graph.constant(rope_frequencies(text.rope_theta, text.head_dim))
        column = node("Unsqueeze", [node("Cast", [positions], to=FLOAT), self.graph.ints(1, 3)])
        half = node("Mul", [column, frequencies])
        angles = node("Concat", [half, half], axis=-1)
        return node("Cos", [angles]), node("Sin", [angles])

    def _layer(self, x: str, bias: str, rotation: tuple[str, str], layer: int) -> str:
        text, prefix = self.config.text, f"{TEXT}layers.{layer}."
        hidden, middle = text.hidden_size, text.intermediate_size
        h = self._rms_norm(x, f"{prefix}input_layernorm")
        x = self.node("Add", [x, self._attention(h, bias, rotation, layer)])
        h = self._rms_norm(x, f"{prefix}post_attention_layernorm")
        gate = self.linear(h, f"{prefix}mlp.gate_proj", middle, hidden)
        up = self.linear(h, f"{prefix}mlp.up_proj", middle, hidden)
        gate = self.node("Mul", [gate, self.node("Sigmoid", [gate])])
        y = self.node("Mul", [gate, up])
        return self.node("Add", [x, self.linear(y, f"{prefix}mlp.down_proj", hidden, middle)])

    def _attention(self, h: str, bias: str, rotation: tuple[str, str], layer: int) -> str:
        text, prefix = self.config.text, f"{TEXT}layers.{layer}.self_attn."
        width, hidden, node = text.head_dim, text.hidden_size, self.node
        states: dict[str, str] = {}
        for letter, heads in {"q": text.heads, "k": text.kv_heads, "v": text.kv_heads}.items():
            y = self.linear(h, f"{prefix}{letter}_proj", heads * width, hidden)
            y = node("Reshape", [y, self.graph.ints(0, 0, heads, width)])
            states[letter] = node("Transpose", [y], perm=[0, 2, 1, 3])
        for letter in "qk":
            states[letter] = self._rotate(states[letter], rotation)
        past, present = self.cache(layer)
        for letter, old, new in zip("kv", past, present, strict=True):
            self.graph.nodes("Concat", [old, states[letter]], [new], axis=2)
        keys, values = (self._repeat(name) for name in present)
        keys = node("Transpose", [keys], perm=[0, 1, 3, 2])
        scores = node("MatMul", [states["q"], keys])
        scores = node("Mul", [scores, self.graph.scalar(width**-0.5)])
        shares = node("Softmax", [node("Add", [scores, bias])], axis=-1)
        mixed = node("Transpose", [node("MatMul", [shares, values])], perm=[0, 2, 1, 3])
        mixed = node("Reshape", [mixed, self.graph.ints(0, 0, text.heads * width)])
        return self.linear(mixed, f"{prefix}o_proj", hidden, text.heads * width)

    def _rotate(self, x: str, rotation: tuple[str, str]) -> str:
        """Rotate: x * cos + rotate_half(x) * sin, rotate_half((a, b)) = (-b, a)."""
        half, node = self.config.text.head_dim // 2, self.node
        cosines, sines = rotation
        first, second = self.graph.nodes("Split", [x, self.graph.ints(half, half)], 2, axis=3)
        turned = node("Concat", [node("Neg", [second]), first], axis=-1)
        return node("Add", [node("Mul", [x, cosines]), node("Mul", [turned, sines])])

    def _repeat(self, x: str) -> str:
        """(B, kv_heads, length, head_dim) -> (B, heads, length, head_dim), each head repeated."""
        text = self.config.text
        groups = text.heads // text.kv_heads
        if groups == 1:
            return x
        x = self.node("Unsqueeze", [x, self.graph.ints(2)])
        x = self.node("Concat", [x] * groups, axis=2)
        shape = self.graph.ints(0, text.kv_heads * groups, -1, text.head_dim)
        return self.node("Reshape", [x, shape])

    def _rms_norm(self, x: str, name: str) -> str:
        squares = self.node("Mul", [x, x])
        mean = self.node("ReduceMean", [squares, self.graph.ints(-1)], keepdims=1)
        epsilon = self.graph.scalar(self.config.text.rms_norm_eps)
        root = self.node("Sqrt", [self.node("Add", [mean, epsilon])])
        scaled = self.node("Div", [x, root])
        return self.node("Mul", [scaled, self.norm_weight(name)])
