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

_LARGEST = 1 << 24
"""Of a size: 16 million are beyond any model, and their products within what a float holds."""

_MOST_LAYERS = 1 << 12
"""Each is a step of loops that run before anything is loaded."""

_KV_HEADS = "num_key_value_heads"


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
    most_frames: int = 64  # of a video that are shown
    frames_per_second: float = 1.0  # of it, if that is not more

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
    except (OSError, ValueError, RecursionError) as error:
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
    scale_factor = _size(config, "scale_factor", 2)
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


def _size(raw: JsonObject, key: str, otherwise: Any = None, most: int = _LARGEST) -> int:
    """A count or a length; None as the default means that there is none."""
    value = raw[key] if otherwise is None else raw.get(key, otherwise)
    found = int(value)
    if not 1 <= found <= most:
        raise ModelInvalid(
            f"the configuration has {key} = {str(value)[:40]}",
            f"It must be 1 to {most:,}: use the config.json of a SmolVLM checkpoint.",
        )
    return found


def _positive(given: Any, key: str) -> float:
    value = float(given)
    if not 0 < value < math.inf:  # false for NaN, too
        raise ModelInvalid(
            f"the configuration has {key} = {value:g}",
            "It must be a positive number: use the config.json of a SmolVLM checkpoint.",
        )
    return value


def _parse_vision(raw: JsonObject) -> VisionConfig:
    return VisionConfig(
        hidden_size=_size(raw, "hidden_size", 1152),
        intermediate_size=_size(raw, "intermediate_size", 3072),
        layers=_size(raw, "num_hidden_layers", 12, _MOST_LAYERS),
        heads=_size(raw, "num_attention_heads", 16),
        image_size=_size(raw, "image_size", 224),
        patch_size=_size(raw, "patch_size", 32),
        layer_norm_eps=_positive(raw.get("layer_norm_eps", 1e-6), "layer_norm_eps"),
    )


def _parse_text(raw: JsonObject) -> TextConfig:
    heads, hidden_size = _size(raw, "num_attention_heads"), _size(raw, "hidden_size")
    rope = raw.get("rope_parameters") or {}
    theta = raw.get("rope_theta") or rope.get("rope_theta") or 10_000.0
    return TextConfig(
        hidden_size=hidden_size,
        intermediate_size=_size(raw, "intermediate_size"),
        layers=_size(raw, "num_hidden_layers", most=_MOST_LAYERS),
        heads=heads,
        kv_heads=_size({_KV_HEADS: raw.get(_KV_HEADS) or heads}, _KV_HEADS),
        head_dim=_size({"head_dim": raw.get("head_dim") or hidden_size // heads}, "head_dim"),
        vocab_size=_size(raw, "vocab_size"),
        rope_theta=_positive(theta, "rope_theta"),
        rms_norm_eps=_positive(raw.get("rms_norm_eps", 1e-6), "rms_norm_eps"),
        context_length=_size(raw, "max_position_embeddings", 2048),
    )


def _parse_image(raw: JsonObject, vision: VisionConfig, scale_factor: int) -> ImageConfig:
    tile_size = _size(raw["max_image_size"], "longest_edge")
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
    longest_edge, resample = _size(raw["size"], "longest_edge"), int(raw.get("resample", 1))
    if resample not in range(6):
        raise ModelInvalid(
            f"preprocessor_config.json resizes images to {longest_edge} px by filter {resample}",
            "Use the preprocessor_config.json of a SmolVLM checkpoint.",
        )
    mean, std = raw.get("image_mean", [0.5] * 3), raw.get("image_std", [0.5] * 3)
    red, green, blue = float(mean[0]), float(mean[1]), float(mean[2])
    if not math.isfinite(red + green + blue):
        raise ModelInvalid(
            f"preprocessor_config.json has image_mean = {mean}",
            "Use the preprocessor_config.json of a SmolVLM checkpoint.",
        )
    video = raw.get("video_sampling") or {}  # checkpoints that saw no videos have none
    return ImageConfig(
        tile_size=tile_size,
        longest_edge=longest_edge,
        tokens_per_tile=(side // scale_factor) ** 2,
        split=bool(raw.get("do_image_splitting", True)),
        mean=(red, green, blue),
        std=(
            _positive(std[0], "image_std"),
            _positive(std[1], "image_std"),
            _positive(std[2], "image_std"),
        ),
        rescale=_positive(raw.get("rescale_factor", 1 / 255), "rescale_factor"),
        resample=resample,
        most_frames=_size(video, "max_frames", 64),
        frames_per_second=_positive(video.get("fps", 1), "fps"),
    )
