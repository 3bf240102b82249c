"""How many weights and values the ONNX graphs hold."""

from __future__ import annotations

from dataclasses import dataclass

from ...checkpoint.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Shapes:
    """Counts.

    Attributes:
        tower: weights in matrices of the vision tower and the connector.
        patch_weights: of the patches' convolution and of their positions.
        decoder: weights in matrices, the output's included.
        table: of the token table, and of the output's matrix.
        patches: of one tile.
        pixels: of one tile, three channels.
        tower_hidden, tower_wide: values of a patch, and between a layer's two matrices.
        hidden, wide: the same of a token.
        tile_tokens: tokens a tile becomes.
        heads: of attention in the decoder.
        cached: keys and values of a token.
        vocabulary: tokens.
    """

    tower: int
    patch_weights: int
    decoder: int
    table: int
    patches: int
    pixels: int
    tower_hidden: int
    tower_wide: int
    hidden: int
    wide: int
    tile_tokens: int
    heads: int
    cached: int
    vocabulary: int

    @classmethod
    def of(cls, config: ModelConfig) -> Shapes:
        text, vision = config.text, config.vision
        layer = 4 * vision.hidden_size**2 + 2 * vision.hidden_size * vision.intermediate_size
        connector = vision.hidden_size * config.scale_factor**2 * text.hidden_size
        heads = 2 * (text.heads + text.kv_heads) * text.head_dim
        body = text.layers * text.hidden_size * (heads + 3 * text.intermediate_size)
        table = text.vocab_size * text.hidden_size
        patches = (vision.image_size // vision.patch_size) ** 2
        return cls(
            tower=vision.layers * layer + connector,
            patch_weights=vision.hidden_size * (3 * vision.patch_size**2 + patches),
            decoder=body + table,
            table=table,
            patches=patches,
            pixels=3 * vision.image_size**2,
            tower_hidden=vision.hidden_size,
            tower_wide=vision.intermediate_size,
            hidden=text.hidden_size,
            wide=text.intermediate_size,
            tile_tokens=config.image.tokens_per_tile,
            heads=text.heads,
            cached=2 * text.layers * text.kv_heads * text.head_dim,
            vocabulary=text.vocab_size,
        )
