"""Shapes of the linear layers and other tensors that the torch backend makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...checkpoint.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear layers of one shape."""

    parts: tuple[int, ...]  # output rows of each layer that shares the argument
    inputs: int
    count: int = 1  # how many the model has
    bias: bool = False

    @property
    def outputs(self) -> int:
        return sum(self.parts)

    @property
    def numbers(self) -> int:
        """Weights of one."""
        return self.outputs * self.inputs


def patch_embedding(config: ModelConfig) -> Linear:
    """The matrix that flattened patches go through; it is never quantized."""
    vision = config.vision
    return Linear((vision.hidden_size,), 3 * vision.patch_size**2, bias=True)


def linears(config: ModelConfig) -> Mapping[str, tuple[Linear, ...]]:
    """Those of each component, in the order of loading, without the patch embedding."""
    vision, text = config.vision, config.text
    hidden, width = vision.hidden_size, text.hidden_size
    queries, keys = text.heads * text.head_dim, text.kv_heads * text.head_dim
    return {
        "lm_head": (Linear((text.vocab_size,), width),),
        "decoder": (
            Linear((queries, keys, keys), width, text.layers),
            Linear((width,), queries, text.layers),
            Linear((text.intermediate_size,) * 2, width, text.layers),
            Linear((width,), text.intermediate_size, text.layers),
        ),
        "vision": (
            Linear((hidden,) * 3, hidden, vision.layers, bias=True),
            Linear((hidden,), hidden, vision.layers, bias=True),
            Linear((vision.intermediate_size,), hidden, vision.layers, bias=True),
            Linear((hidden,), vision.intermediate_size, vision.layers, bias=True),
        ),
        "connector": (Linear((width,), hidden * config.scale_factor**2),),
    }


def patches(config: ModelConfig) -> int:
    """Patches in a tile."""
    return (config.vision.image_size // config.vision.patch_size) ** 2


def other_numbers(config: ModelConfig, component: str) -> int:
    """Numbers of a component outside its matrices: norms, biases, positions, rope's tables."""
    vision, text = config.vision, config.text
    if component == "vision":
        layer = 9 * vision.hidden_size + vision.intermediate_size  # two norms and four biases
        return vision.layers * layer + (3 + patches(config)) * vision.hidden_size
    if component == "decoder":
        norms = (2 * text.layers + 1) * text.hidden_size
        return norms + 2 * text.context_length * text.head_dim
    return 0
