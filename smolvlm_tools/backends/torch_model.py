"""Builds decoder and vision tower out of a checkpoint's tensors, one layer in memory at a time.

Knows the tensors' names in the hub's files and what of config.json changes the computation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ..checkpoint import Checkpoint
from ..errors import ModelInvalid
from ..model_config import ModelConfig
from .torch_decoder import Decoder, DecoderWeights, Layer
from .torch_linear import Matrix, make_matrix
from .torch_precision import Plan
from .torch_vision import Norm, Vision, VisionLayer, VisionWeights, vision_position_ids
from .torch_weights import TorchWeights, open_weights

TEXT = "model.text_model."
VISION = "model.vision_model."
EMBEDDING = f"{TEXT}embed_tokens.weight"
HEAD = "lm_head.weight"
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_pytorch_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
}
PRECISION_OF = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def load_model(checkpoint: Checkpoint, plan: Plan) -> tuple[Decoder, Vision]:
    """Read a checkpoint's weights into the formats of `plan`.

    Raises:
        ModelNotFound: it has no safetensors.
        ModelInvalid: they are damaged, do not fit the configuration, or it asks for a computation
            that is not known here.
    """
    weights = open_weights(checkpoint)
    builder = Builder(weights, checkpoint.config, plan, _read_raw(checkpoint.folder))
    with torch.inference_mode():
        model = builder.decoder(), builder.vision()
    _check_all_read(weights.unread)
    return model


class Builder:
    """Makes the parts of one model.

    Args:
        weights: the tensors.
        config: the checkpoint's numbers.
        plan: number formats.
        raw: config.json.
    """

    def __init__(
        self, weights: TorchWeights, config: ModelConfig, plan: Plan, raw: dict[str, Any]
    ) -> None:
        self._weights, self._config, self._plan = weights, config, plan
        self._text: dict[str, Any] = raw.get("text_config") or {}
        self._vision: dict[str, Any] = raw.get("vision_config") or {}
        self._tied = bool(raw.get("tie_word_embeddings", False))

    def decoder(self) -> Decoder:
        """The decoder; its largest matrix is read while there is the most room."""
        text, plan = self._config.text, self._plan
        shape = (text.vocab_size, text.hidden_size)
        if plan.device == "cpu":
            table = self._weights.map(EMBEDDING, shape)
        else:
            table = self._weights.get(EMBEDDING, shape).to(plan.device, plan.weights)
        cos, sin = rope_tables(
            _rope_scale(self._text), text.rope_theta, text.head_dim, text.context_length
        )
        weights = DecoderWeights(
            table=table,
            head=self._head(table, shape),
            layers=[self._decoder_layer(f"{TEXT}layers.{n}.") for n in range(text.layers)],
            norm=self._vector(f"{TEXT}norm.weight", text.hidden_size),
            cos=cos.to(plan.device, plan.activations),
            sin=sin.to(plan.device, plan.activations),
            activation=_activation(self._text, "silu"),
        )
        return Decoder(weights, text, plan)

    def vision(self) -> Vision:
        """The vision tower and connector."""
        vision, plan = self._config.vision, self._plan
        if self._vision.get("num_channels", 3) != 3:
            raise _unknown("vision_config.num_channels", self._vision["num_channels"], "3")
        hidden, patch = vision.hidden_size, vision.patch_size
        side = vision.image_size // patch
        name = f"{VISION}embeddings.patch_embedding"
        kernel = self._weights.get(f"{name}.weight", (hidden, 3, patch, patch)).reshape(hidden, -1)
        table = self._weights.get(
            f"{VISION}embeddings.position_embedding.weight", (side * side, hidden)
        )
        wide = hidden * self._config.scale_factor**2
        weights = VisionWeights(
            patch=self._make(kernel, self._weights.get(f"{name}.bias", (hidden,))),
            positions=table[vision_position_ids(side)].to(plan.device, plan.activations),
            layers=[
                self._vision_layer(f"{VISION}encoder.layers.{n}.") for n in range(vision.layers)
            ],
            norm=self._norm(f"{VISION}post_layernorm", hidden),
            connector=self._linear(
                ["model.connector.modality_projection.proj"],
                [self._config.text.hidden_size],
                wide,
            ),
            activation=_activation(self._vision, "gelu_pytorch_tanh"),
        )
        return Vision(weights, self._config)

    def _head(self, table: torch.Tensor, shape: tuple[int, int]) -> Matrix:
        if HEAD in self._weights or not self._tied:
            return self._make(self._weights.get(HEAD, shape), None, self._plan.head)
        return make_matrix(table, None, self._plan.head, self._plan, shared=True)

    def _decoder_layer(self, prefix: str) -> Layer:
        text, kind = self._config.text, self._plan.decoder
        hidden, middle, queries = (
            text.hidden_size,
            text.intermediate_size,
            text.heads * text.head_dim,
        )
        keys = text.kv_heads * text.head_dim
        attention, mlp = f"{prefix}self_attn.", f"{prefix}mlp."
        qkv = [f"{attention}{letter}_proj" for letter in "qkv"]
        return Layer(
            norm1=self._vector(f"{prefix}input_layernorm.weight", hidden),
            qkv=self._linear(qkv, [queries, keys, keys], hidden, kind),
            out=self._linear([f"{attention}o_proj"], [hidden], queries, kind),
            norm2=self._vector(f"{prefix}post_attention_layernorm.weight", hidden),
            gate_up=self._linear(
                [f"{mlp}gate_proj", f"{mlp}up_proj"], [middle, middle], hidden, kind
            ),
            down=self._linear([f"{mlp}down_proj"], [hidden], middle, kind),
        )

    def _vision_layer(self, prefix: str) -> VisionLayer:
        hidden, middle = self._config.vision.hidden_size, self._config.vision.intermediate_size
        attention = f"{prefix}self_attn."
        return VisionLayer(
            norm1=self._norm(f"{prefix}layer_norm1", hidden),
            qkv=self._linear([f"{attention}{x}_proj" for x in "qkv"], [hidden] * 3, hidden),
            out=self._linear([f"{attention}out_proj"], [hidden], hidden),
            norm2=self._norm(f"{prefix}layer_norm2", hidden),
            up=self._linear([f"{prefix}mlp.fc1"], [middle], hidden),
            down=self._linear([f"{prefix}mlp.fc2"], [hidden], middle),
        )

    def _linear(
        self, names: list[str], outputs: list[int], inputs: int, kind: str | None = None
    ) -> Matrix:
        """Linear layers that share an argument as one; a bias where the files have one."""
        pairs = list(zip(names, outputs, strict=True))
        parts = [self._weights.get(f"{name}.weight", (n, inputs)) for name, n in pairs]
        bias = None
        if any(f"{name}.bias" in self._weights for name in names):
            bias = torch.cat([self._weights.get(f"{name}.bias", (n,)) for name, n in pairs])
        return self._make(parts[0] if len(parts) == 1 else torch.cat(parts), bias, kind)

    def _make(
        self, weight: torch.Tensor, bias: torch.Tensor | None, kind: str | None = None
    ) -> Matrix:
        kind = kind or PRECISION_OF[self._plan.weights]
        return make_matrix(weight, bias, kind, self._plan)

    def _norm(self, name: str, width: int) -> Norm:
        return Norm(self._vector(f"{name}.weight", width), self._vector(f"{name}.bias", width))

    def _vector(self, name: str, width: int) -> torch.Tensor:
        return self._weights.get(name, (width,)).to(self._plan.device, self._plan.activations)


def rope_tables(
    scale: float, theta: float, head_dim: int, context: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines (context, head_dim), by transformers' float32 formula.

    The sines of the first half are negated, so that rotating is x * cos + roll(x, half) * sin.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float) / head_dim
    frequencies = 1.0 / (theta**exponents) / scale
    angles = torch.arange(context, dtype=torch.float)[:, None] * frequencies
    return torch.cat([angles.cos()] * 2, 1), torch.cat([-angles.sin(), angles.sin()], 1)


def _rope_scale(text: dict[str, Any]) -> float:
    """By what positions are divided: 1, or the factor of linear scaling."""
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", "linear"):
        raise _unknown("text_config.rope_type", kind, "default, linear")
    return float(rope.get("factor", 1.0)) if kind == "linear" else 1.0


def _activation(config: dict[str, Any], default: str) -> Callable[[torch.Tensor], torch.Tensor]:
    name = config.get("hidden_act", default)
    if name not in ACTIVATIONS:
        raise _unknown("hidden_act", name, ", ".join(ACTIVATIONS))
    return ACTIVATIONS[name]


def _unknown(key: str, value: object, known: str) -> ModelInvalid:
    return ModelInvalid(
        f"config.json has {key} = {value!r}", f"The torch backend computes only: {known}."
    )


def _read_raw(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalid(
            f"config.json is not readable JSON ({error})", "Fetch the checkpoint again."
        ) from error


def _check_all_read(unread: set[str]) -> None:
    """Refuse tensors that the computation would leave out without a word."""
    left = sorted(
        name
        for name in unread
        if name.startswith((TEXT, VISION)) and not name.endswith(("inv_freq", "position_ids"))
    )
    if left:
        raise ModelInvalid(
            f"the weights hold {len(left)} tensors that no SmolVLM layer uses, such as {left[0]}",
            "config.json and the weights do not belong together.",
        )
