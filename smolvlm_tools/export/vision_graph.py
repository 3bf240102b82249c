"""The vision tower (SigLIP) and connector as a graph.

The computation is that of transformers' `Idefics3VisionTransformer` and `Idefics3Connector` for
full tiles, where the attention mask is all true and drops out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..backends.torch import vision as torch_vision
from ..backends.torch.build import VISION
from ..errors import ModelInvalid
from .graph import BOOL, FLOAT, MICROSOFT
from .layers import Layers


def vision_position_ids(side: int) -> NDArray[np.int64]:
    """Rows of the position table for a full tile of `side` x `side` patches, (side * side,)."""
    return torch_vision.vision_position_ids(side).numpy().astype(np.int64)


class VisionTower(Layers):
    """pixel_values (B, N, 3, S, S) -> image_features (B * N, tokens_per_tile, hidden).

    The plain form also declares the hub's `pixel_attention_mask`, which full tiles do not need,
    and spells attention in standard operators.
    """

    def build(self, *, fused: bool) -> None:
        graph, vision = self.graph, self.config.vision
        size = vision.image_size
        pixels = graph.input("pixel_values", FLOAT, ["batch_size", "num_images", 3, size, size])
        if not fused:
            graph.input("pixel_attention_mask", BOOL, ["batch_size", "num_images", size, size])
        x = self._embed(pixels)
        for layer in range(vision.layers):
            x = self._layer(x, f"{VISION}encoder.layers.{layer}.", fused)
        x = self._layer_norm(x, f"{VISION}post_layernorm")
        graph.nodes("Identity", [self._connect(x)], ["image_features"])
        shape = ["tiles", self.config.image.tokens_per_tile, self.config.text.hidden_size]
        graph.output("image_features", FLOAT, shape)

    @property
    def _side(self) -> int:
        """Patches along one edge of a tile."""
        return self.config.vision.image_size // self.config.vision.patch_size

    def _embed(self, pixels: str) -> str:
        """Tiles (B, N, 3, S, S) -> patches (T, side * side, hidden) with their positions added."""
        vision, ints, side = self.config.vision, self.graph.ints, self._side
        hidden, patch, size = vision.hidden_size, vision.patch_size, vision.image_size
        tiles = self.node("Reshape", [pixels, ints(-1, 3, size, size)])
        name = f"{VISION}embeddings.patch_embedding"
        kernel = self.tensor(f"{name}.weight", hidden, 3, patch, patch)
        bias = self.tensor(f"{name}.bias", hidden)
        patches = self.node(
            "Conv", [tiles, kernel, bias], kernel_shape=[patch, patch], strides=[patch, patch]
        )
        x = self.node("Reshape", [patches, ints(-1, hidden, side * side)])
        x = self.node("Transpose", [x], perm=[0, 2, 1])
        name = f"{VISION}embeddings.position_embedding.weight"
        table = self.weights.get(name, (side * side, hidden))
        return self.node("Add", [x, self.graph.weight(name, table[vision_position_ids(side)])])

    def _layer(self, x: str, prefix: str, fused: bool) -> str:
        hidden, middle = self.config.vision.hidden_size, self.config.vision.intermediate_size
        y = self._layer_norm(x, f"{prefix}layer_norm1")
        attend = self._fused_attention if fused else self._plain_attention
        y = attend(y, f"{prefix}self_attn.")
        x = self.node("Add", [x, self._square(y, f"{prefix}self_attn.out_proj")])
        y = self._layer_norm(x, f"{prefix}layer_norm2")
        y = self.linear(y, f"{prefix}mlp.fc1", middle, hidden, bias=True)
        y = self.node("Gelu", [y], approximate="tanh")
        return self.node("Add", [x, self.linear(y, f"{prefix}mlp.fc2", hidden, middle, bias=True)])

    def _fused_attention(self, x: str, prefix: str) -> str:
        """One node: no transposed copies, and the scores of a tile are never stored whole."""
        qkv = [self._square(x, f"{prefix}{letter}_proj") for letter in "qkv"]
        heads = self.config.vision.heads
        return self.node("MultiHeadAttention", qkv, domain=MICROSOFT, num_heads=heads)

    def _plain_attention(self, x: str, prefix: str) -> str:
        hidden, heads = self.config.vision.hidden_size, self.config.vision.heads
        node, ints, width = self.node, self.graph.ints, hidden // heads
        states: list[str] = []
        for letter in "qkv":
            y = self._square(x, f"{prefix}{letter}_proj")
            y = node("Reshape", [y, ints(0, 0, heads, width)])
            perm = [0, 2, 3, 1] if letter == "k" else [0, 2, 1, 3]
            states.append(node("Transpose", [y], perm=perm))
        q, k, v = states
        scores = node("Mul", [node("MatMul", [q, k]), self.graph.scalar(width**-0.5)])
        mixed = node("MatMul", [node("Softmax", [scores], axis=-1), v])
        mixed = node("Transpose", [mixed], perm=[0, 2, 1, 3])
        return node("Reshape", [mixed, ints(0, 0, hidden)])

    def _connect(self, x: str) -> str:
        """Pixel shuffle: each scale x scale square of patches becomes one wide token, row-major."""
        hidden, scale = self.config.vision.hidden_size, self.config.scale_factor
        if self._side % scale:
            raise ModelInvalid(
                f"{self._side} patches a side do not divide into squares of {scale}",
                "Use a checkpoint whose tile / patch size is a multiple of scale_factor.",
            )
        cells, wide = self._side // scale, hidden * scale * scale
        ints = self.graph.ints
        x = self.node("Reshape", [x, ints(-1, cells, scale, cells, scale * hidden)])
        x = self.node("Transpose", [x], perm=[0, 1, 3, 2, 4])
        x = self.node("Reshape", [x, ints(-1, cells * cells, wide)])
        name = "model.connector.modality_projection.proj"
        return self.linear(x, name, self.config.text.hidden_size, wide)

    def _square(self, x: str, name: str) -> str:
        """Product with a layer that keeps the width."""
        hidden = self.config.vision.hidden_size
        return self.linear(x, name, hidden, hidden, bias=True)

    def _layer_norm(self, x: str, name: str) -> str:
        vision = self.config.vision
        scale = self.tensor(f"{name}.weight", vision.hidden_size)
        bias = self.tensor(f"{name}.bias", vision.hidden_size)
        return self.node(
            "LayerNormalization", [x, scale, bias], axis=-1, epsilon=vision.layer_norm_eps
        )
