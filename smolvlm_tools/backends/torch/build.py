"""Builds decoder and vision tower out of a checkpoint's tensors, one layer in memory at a time.

The names of tensors are those of the hub's files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F

from ...checkpoint import AdapterFiles, Checkpoint
from ...checkpoint.config import ModelConfig
from ...errors import ModelInvalid
from ...machine.heap import trim_heap
from .decoder import Decoder, DecoderWeights, Layer
from .formats.choose import check_kinds, format_of
from .formats.linear import make_matrix, make_together, restore_together
from .formats.matrix import Matrix
from .lora.adapter import open_adapter
from .lora.merged import MergedWeights
from .names import FLOATS, patch_kind
from .plan import WEIGHTS, Plan
from .saved import read_config, saved_kinds
from .shapes import Linear, linears
from .vision import Norm, Vision, VisionLayer, VisionWeights, vision_position_ids
from .weights import TorchWeights, open_weights

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
AnyWeights: TypeAlias = TorchWeights | MergedWeights


def load_model(
    checkpoint: Checkpoint, plan: Plan, adapter: AdapterFiles | None = None
) -> tuple[Decoder, Vision]:
    """Read a checkpoint's weights into the formats of `plan`."""
    raw = read_config(checkpoint.folder)
    weights: AnyWeights = open_weights(checkpoint)
    if adapter is not None:
        weights = merge_adapter(weights, adapter, raw)
    with torch.inference_mode():
        check_kinds(plan.kinds.values(), plan.device, plan.activations)
        builder = Builder(weights, checkpoint.config, plan, raw)
        decoder = builder.decoder()
        trim_heap()  # of what quantizing left between the weights, before more are read
        model = decoder, builder.vision()
    checkpoint.confirm()
    _check_all_read(weights.unread)
    if isinstance(weights, MergedWeights):
        weights.check_all_used()
    return model


def merge_adapter(
    weights: TorchWeights, adapter: AdapterFiles, raw: dict[str, Any]
) -> MergedWeights:
    """The weights of a checkpoint with config.json `raw`, changed by an adapter."""
    if saved_kinds(raw) is not None:
        raise ModelInvalid(
            "an adapter cannot be merged into quantized weights",
            "Use the checkpoint before quantization: `smolvlm quantize --adapter DIR`.",
        )
    tied = bool(raw.get("tie_word_embeddings", False))
    return MergedWeights(weights, open_adapter(adapter), EMBEDDING, HEAD, tied)


class Builder:
    """Makes the parts of one model."""

    def __init__(
        self, weights: AnyWeights, config: ModelConfig, plan: Plan, raw: dict[str, Any]
    ) -> None:
        self._weights, self._config, self._plan = weights, config, plan
        self._text: dict[str, Any] = raw.get("text_config") or {}
        self._vision: dict[str, Any] = raw.get("vision_config") or {}
        self._tied = bool(raw.get("tie_word_embeddings", False))
        self._saved = saved_kinds(raw) is not None

    def decoder(self) -> Decoder:
        """The decoder; its largest matrix is read first, while there is the most room."""
        text, plan = self._config.text, self._plan
        shape = (text.vocab_size, text.hidden_size)
        if plan.device == "cpu":
            table = self._weights.map(EMBEDDING, shape)
        else:
            dtype = WEIGHTS.get(plan.kinds["decoder"], plan.activations)
            table = self._weights.get(EMBEDDING, shape).to(plan.device, dtype)
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
            mapped=self._table_is_file,
        )
        return Decoder(weights, text, plan)

    @property
    def _table_is_file(self) -> bool:
        """Whether the token table is the mapped file, and nothing else uses it as a matrix."""
        untied = HEAD in self._weights or not self._tied
        return self._plan.device == "cpu" and untied and isinstance(self._weights, TorchWeights)

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
        (connector,) = linears(self._config)["connector"]
        weights = VisionWeights(
            patch=make_matrix(
                kernel,
                self._weights.get(f"{name}.bias", (hidden,)),
                patch_kind(plan.kinds),
                plan,
            ),
            positions=table[vision_position_ids(side)].to(plan.device, plan.activations),
            layers=[
                self._vision_layer(f"{VISION}encoder.layers.{n}.") for n in range(vision.layers)
            ],
            norm=self._norm(f"{VISION}post_layernorm", hidden),
            connector=self._linear(
                connector, "connector", "model.connector.modality_projection.proj"
            ),
            activation=_activation(self._vision, "gelu_pytorch_tanh"),
        )
        return Vision(weights, self._config)

    def _head(self, table: torch.Tensor, shape: tuple[int, int]) -> Matrix:
        kind = self._plan.kinds["lm_head"]
        quantized = self._saved and kind not in FLOATS
        if quantized or HEAD in self._weights or not self._tied:
            (linear,) = linears(self._config)["lm_head"]
            return self._linear(linear, "lm_head", HEAD.removesuffix(".weight"))
        return make_matrix(table, None, kind, self._plan, shared=True)

    def _decoder_layer(self, prefix: str) -> Layer:
        hidden = self._config.text.hidden_size
        attention, mlp = f"{prefix}self_attn.", f"{prefix}mlp."
        qkv, out, gate_up, down = linears(self._config)["decoder"]
        return Layer(
            norm1=self._vector(f"{prefix}input_layernorm.weight", hidden),
            qkv=self._linear(qkv, "decoder", *(f"{attention}{x}_proj" for x in "qkv")),
            out=self._linear(out, "decoder", f"{attention}o_proj"),
            norm2=self._vector(f"{prefix}post_attention_layernorm.weight", hidden),
            gate_up=self._linear(gate_up, "decoder", f"{mlp}gate_proj", f"{mlp}up_proj"),
            down=self._linear(down, "decoder", f"{mlp}down_proj"),
        )

    def _vision_layer(self, prefix: str) -> VisionLayer:
        hidden, attention = self._config.vision.hidden_size, f"{prefix}self_attn."
        qkv, out, up, down = linears(self._config)["vision"]
        return VisionLayer(
            norm1=self._norm(f"{prefix}layer_norm1", hidden),
            qkv=self._linear(qkv, "vision", *(f"{attention}{x}_proj" for x in "qkv")),
            out=self._linear(out, "vision", f"{attention}out_proj"),
            norm2=self._norm(f"{prefix}layer_norm2", hidden),
            up=self._linear(up, "vision", f"{prefix}mlp.fc1"),
            down=self._linear(down, "vision", f"{prefix}mlp.fc2"),
        )

    def _linear(self, linear: Linear, component: str, *names: str) -> Matrix:
        """Linear layers that share an argument, as one; with biases if the files have them."""
        kind = self._plan.kinds[component]
        outputs, inputs = linear.parts, linear.inputs
        pairs = list(zip(names, outputs, strict=True))
        biases: list[torch.Tensor] = []
        if any(f"{name}.bias" in self._weights for name in names):
            biases = [self._weights.get(f"{name}.bias", (n,)) for name, n in pairs]
        if self._saved and kind not in FLOATS:
            assert isinstance(self._weights, TorchWeights)  # an adapter was refused
            layout = format_of(kind).layout
            parts = [self._weights.stored(name, layout(kind, n, inputs)) for name, n in pairs]
            return restore_together(parts, biases, kind, (outputs, inputs), self._plan)
        weights = [self._weights.get(f"{name}.weight", (n, inputs)) for name, n in pairs]
        return make_together(weights, biases, kind, self._plan)

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
    """What positions are divided by: 1, or the factor of linear scaling."""
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


def _check_all_read(unread: set[str]) -> None:
    """Refuse tensors that the computation would silently leave out."""
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
