"""The numbers of a checkpoint, read from its configuration files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelInvalid, ModelNotFound

MODEL_TYPES = ("idefics3", "smolvlm")

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """SigLIP-style vision tower. Sizes in pixels or channels."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    image_size: int
    patch_size: int
    layer_norm_eps: float


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Llama-style decoder."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    rope_theta: float
    rms_norm_eps: float
    context_length: int


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How the checkpoint's image processor treats an image."""

    tile_size: int  # edge of a square tile, in pixels
    longest_edge: int  # of a `native` image, in pixels
    tokens_per_tile: int
    split: bool  # whether `native` images are cut into tiles
    mean: tuple[float, float, float]  # per RGB channel, after multiplying bytes by `rescale`
    std: tuple[float, float, float]
    rescale: float
    resample: int  # Pillow's number of a filter

    @property
    def max_side(self) -> int:
        """The checkpoint's own limit: longest edge of its images, in tiles."""
        return math.ceil(self.longest_edge / self.tile_size) if self.split else 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """All that the engine needs to know about an Idefics3 / SmolVLM checkpoint but its weights."""

    model_type: str
    scale_factor: int
    image_token_id: int
    eos_token_ids: frozenset[int]
    vision: VisionConfig
    text: TextConfig
    image: ImageConfig
    tied: bool = False  # whether the output matrix is the token table

    @classmethod
    def from_folder(cls, folder: Path) -> ModelConfig:
        """Read `config.json`, `preprocessor_config.json` and `generation_config.json`.

        Missing keys get the defaults of transformers' `Idefics3Config` / `SmolVLMConfig` and
        `LlamaConfig`.
        """
        config = _read_json(folder / "config.json")
        processor = _read_json(folder / "preprocessor_config.json")
        optional = folder / "generation_config.json"
        generation = _read_json(optional) if optional.exists() else {}
        try:
            return _parse(config, processor, generation)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ModelInvalid(
                f"the configuration in {folder} is incomplete or contradictory "
                f"({type(error).__name__}: {error})",
                "Use the config.json and preprocessor_config.json of a SmolVLM checkpoint.",
            ) from error


def _read_json(path: Path) -> JsonObject:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotFound(
            f"{path.parent} has no {path.name}",
            "Name a folder in the hub's layout (config.json, tokenizer.json, "
            "preprocessor_config.json, weights), a hub id, or an alias: see `smolvlm models`.",
        ) from None
    except (OSError, ValueError) as error:
        raise ModelInvalid(
            f"{path} is not readable JSON ({error})", "Fetch the checkpoint again."
        ) from error
    if not isinstance(content, dict):
        raise ModelInvalid(f"{path} is not a JSON object", "Fetch the checkpoint again.")
    return content


def _parse(config: JsonObject, processor: JsonObject, generation: JsonObject) -> ModelConfig:
    model_type = config.get("model_type")
    if model_type not in MODEL_TYPES:
        raise ModelInvalid(
            f"config.json has model_type {model_type!r}, which is not supported",
            f"Use an {' or '.join(MODEL_TYPES)} checkpoint.",
        )
    vision = _parse_vision(config.get("vision_config") or {})
    text = _parse_text(config["text_config"])
    scale_factor = int(config.get("scale_factor", 2))
    eos = generation.get("eos_token_id", [])
    return ModelConfig(
        model_type=model_type,
        scale_factor=scale_factor,
        image_token_id=int(config["image_token_id"]),
        eos_token_ids=frozenset(eos if isinstance(eos, list) else [eos]),
        vision=vision,
        text=text,
        image=_parse_image(processor, vision, scale_factor),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def _parse_vision(raw: JsonObject) -> VisionConfig:
    return VisionConfig(
        hidden_size=int(raw.get("hidden_size", 1152)),
        intermediate_size=int(raw.get("intermediate_size", 3072)),
        layers=int(raw.get("num_hidden_layers", 12)),
        heads=int(raw.get("num_attention_heads", 16)),
        image_size=int(raw.get("image_size", 224)),
        patch_size=int(raw.get("patch_size", 32)),
        layer_norm_eps=float(raw.get("layer_norm_eps", 1e-6)),
    )


def _parse_text(raw: JsonObject) -> TextConfig:
    heads = int(raw["num_attention_heads"])
    hidden_size = int(raw["hidden_size"])
    rope = raw.get("rope_parameters") or {}
    return TextConfig(
        hidden_size=hidden_size,
        intermediate_size=int(raw["intermediate_size"]),
        layers=int(raw["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(raw.get("num_key_value_heads") or heads),
        head_dim=int(raw.get("head_dim") or hidden_size // heads),
        vocab_size=int(raw["vocab_size"]),
        rope_theta=float(raw.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        rms_norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
        context_length=int(raw.get("max_position_embeddings", 2048)),
    )


def _parse_image(raw: JsonObject, vision: VisionConfig, scale_factor: int) -> ImageConfig:
    tile_size = int(raw["max_image_size"]["longest_edge"])
    if tile_size != vision.image_size:
        raise ModelInvalid(
            f"preprocessor_config.json cuts tiles of {tile_size} px, the vision tower in "
            f"config.json takes {vision.image_size} px",
            "max_image_size.longest_edge must equal vision_config.image_size.",
        )
    side = tile_size // vision.patch_size  # patches; the rest of the tile is ignored
    if side < 1 or side % scale_factor:
        raise ModelInvalid(
            f"{side}x{side} patches are not divisible by scale_factor {scale_factor}",
            "Use the config.json of a SmolVLM checkpoint.",
        )
    longest_edge, resample = int(raw["size"]["longest_edge"]), int(raw.get("resample", 1))
    if longest_edge < 1 or resample not in range(6):
        raise ModelInvalid(
            f"preprocessor_config.json resizes images to {longest_edge} px by filter {resample}",
            "Use the preprocessor_config.json of a SmolVLM checkpoint.",
        )
    mean, std = raw.get("image_mean", [0.5] * 3), raw.get("image_std", [0.5] * 3)
    return ImageConfig(
        tile_size=tile_size,
        longest_edge=longest_edge,
        tokens_per_tile=(side // scale_factor) ** 2,
        split=bool(raw.get("do_image_splitting", True)),
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        rescale=float(raw.get("rescale_factor", 1 / 255)),
        resample=resample,
    )
