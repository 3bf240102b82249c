"""Names, shapes and random values of a checkpoint's tensors."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from smolvlm_tools.checkpoint.config import ModelConfig, TextConfig, VisionConfig

Tensor = NDArray[np.float32]
Shape = tuple[int, ...]
TensorSource = Callable[[str, Shape], Tensor]
"""Makes the values of one named tensor, so that only one is in memory at a time."""


def tensor_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Shapes of all tensors by the name they have in the hub's `model.safetensors`."""
    vision, text = config.vision, config.text
    connected = vision.hidden_size * config.scale_factor**2
    return {
        **dict(_vision_tensors(vision)),
        "model.connector.modality_projection.proj.weight": (text.hidden_size, connected),
        **dict(_text_tensors(text)),
        "lm_head.weight": (text.vocab_size, text.hidden_size),
    }


def random_source(seed: int, connector_std: float = 1.0) -> TensorSource:
    """Random values with which logits depend on every input and are far from tied.

    Matrices have std 1/sqrt(fan-in), so activations keep their size through the layers; queries
    and keys are larger, so attention picks tokens instead of averaging all of them; biases and
    norms are not 0 and 1, so an engine that leaves one out gives other tokens. Each tensor has
    its own generator, seeded with its name too, so the order of calls does not matter.
    `connector_std` is the size of an image feature; 1.0 is that of the random token embeddings.
    """

    def values(name: str, shape: Shape) -> Tensor:
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        tensor = generator.standard_normal(shape, dtype=np.float32)
        if name.endswith(".bias"):
            tensor *= 0.1
        elif len(shape) == 1:  # norm weights
            tensor *= 0.1
            tensor += 1.0
        elif "position_embedding" in name:
            tensor *= 0.3
        elif "embed_tokens" not in name:
            fan_in = int(np.prod(shape[1:]))
            tensor *= np.float32(_gain(name, connector_std) / fan_in**0.5)
        return tensor

    return values


def _gain(name: str, connector_std: float) -> float:
    if "q_proj" in name or "k_proj" in name:
        return 1.5
    return connector_std if "connector" in name else 1.0


def _vision_tensors(vision: VisionConfig) -> Iterator[tuple[str, Shape]]:
    prefix = "model.vision_model"
    width, inner = vision.hidden_size, vision.intermediate_size
    patches = (vision.image_size // vision.patch_size) ** 2
    side = vision.patch_size
    yield f"{prefix}.embeddings.patch_embedding.weight", (width, 3, side, side)
    yield f"{prefix}.embeddings.patch_embedding.bias", (width,)
    yield f"{prefix}.embeddings.position_embedding.weight", (patches, width)
    shapes: dict[str, Shape] = {
        **{f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")},
        "mlp.fc1": (inner, width),
        "mlp.fc2": (width, inner),
        "layer_norm1": (width,),
        "layer_norm2": (width,),
    }
    for index in range(vision.layers):
        for name, shape in shapes.items():
            yield f"{prefix}.encoder.layers.{index}.{name}.weight", shape
            yield f"{prefix}.encoder.layers.{index}.{name}.bias", shape[:1]
    yield f"{prefix}.post_layernorm.weight", (width,)
    yield f"{prefix}.post_layernorm.bias", (width,)


def _text_tensors(text: TextConfig) -> Iterator[tuple[str, Shape]]:
    prefix = "model.text_model"
    width, inner = text.hidden_size, text.intermediate_size
    queries, keys = text.heads * text.head_dim, text.kv_heads * text.head_dim
    yield f"{prefix}.embed_tokens.weight", (text.vocab_size, width)
    shapes = {
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
        "self_attn.o_proj": (width, queries),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
        "input_layernorm": (width,),
        "post_attention_layernorm": (width,),
    }
    for index in range(text.layers):
        for name, shape in shapes.items():
            yield f"{prefix}.layers.{index}.{name}.weight", shape
    yield f"{prefix}.norm.weight", (width,)
