"""The vision tower (SigLIP) and connector for full tiles.

Computes what transformers' `Idefics3VisionTransformer` and `Idefics3Connector` do where no patch is
masked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ...checkpoint.config import ModelConfig
from .formats.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Norm:
    """LayerNorm's (hidden,) weight and bias."""

    weight: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, slots=True)
class VisionLayer:
    """Weights of one layer."""

    norm1: Norm
    qkv: Matrix
    out: Matrix
    norm2: Norm
    up: Matrix
    down: Matrix


@dataclass(frozen=True, slots=True)
class VisionWeights:
    """`patch` takes flattened patches (3 * patch * patch); `positions` is (patches, hidden)."""

    patch: Matrix
    positions: torch.Tensor
    layers: Sequence[VisionLayer]
    norm: Norm
    connector: Matrix
    activation: Callable[[torch.Tensor], torch.Tensor]


class Vision:
    """Runs the tower on a micro-batch of tiles."""

    def __init__(self, weights: VisionWeights, config: ModelConfig) -> None:
        self._weights, self._config = weights, config

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Tiles (T, 3, S, S) in the dtype of the activations -> (T, tokens, text hidden)."""
        weights, vision = self._weights, self._config.vision
        tiles, hidden = len(pixels), vision.hidden_size
        x = weights.patch(self._patches(pixels)).view(tiles, -1, hidden) + weights.positions
        x = x.view(-1, hidden)  # (tiles * patches, hidden)
        for layer in weights.layers:
            h = self._norm(x, layer.norm1)
            x = x + layer.out(self._attend(layer.qkv(h), tiles))
            h = self._norm(x, layer.norm2)
            x = x + layer.down(weights.activation(layer.up(h)))
        return self._connect(self._norm(x, weights.norm), tiles)

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """(T, 3, S, S) -> (T * side * side, 3 * patch * patch); the rest of a tile is cut off."""
        patch = self._config.vision.patch_size
        side = pixels.shape[-1] // patch
        pixels = pixels[:, :, : side * patch, : side * patch]
        cut = pixels.reshape(len(pixels), 3, side, patch, side, patch)
        return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, 3 * patch * patch)

    def _attend(self, qkv: torch.Tensor, tiles: int) -> torch.Tensor:
        """(tiles * patches, 3 * hidden) -> (tiles * patches, hidden)."""
        heads = self._config.vision.heads
        q, k, v = qkv.view(tiles, -1, 3, heads, qkv.shape[1] // 3 // heads).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(len(qkv), -1)

    def _norm(self, x: torch.Tensor, norm: Norm) -> torch.Tensor:
        vision = self._config.vision
        shape = (vision.hidden_size,)
        return F.layer_norm(x, shape, norm.weight, norm.bias, vision.layer_norm_eps)

    def _connect(self, x: torch.Tensor, tiles: int) -> torch.Tensor:
        """Pixel shuffle: each scale x scale square of patches becomes one wide token, row-major."""
        vision, scale = self._config.vision, self._config.scale_factor
        cells = vision.image_size // vision.patch_size // scale
        x = x.view(tiles, cells, scale, cells, scale * vision.hidden_size).transpose(2, 3)
        wide = vision.hidden_size * scale * scale
        return self._weights.connector(x.reshape(-1, wide)).view(tiles, cells * cells, -1)


def vision_position_ids(side: int) -> torch.Tensor:
    """Rows of the position table for a full tile of `side` x `side` patches, (side * side,).

    Repeats the float32 bucketing of transformers' `Idefics3VisionEmbeddings`, which is the identity
    for the sides of the published checkpoints (27 and 32) but not for others (19, 25, 29, …).
    """
    boundaries = torch.arange(1 / side, 1.0, 1 / side)
    step = 1.0 / torch.tensor([side])
    coordinates = torch.clamp(torch.arange(side, dtype=torch.float32) * step, max=1.0 - 1e-6)
    buckets = torch.bucketize(coordinates, boundaries, right=True)
    return (buckets[:, None] * side + buckets[None, :]).reshape(-1)
