"""PyTorch runtime over transformers' model classes; knows tensors, not prompts or images."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checkpoint import Checkpoint, check_safetensors
from ..errors import BackendUnavailable, Closed, ModelError, ModelInvalid, ModelNotFound
from .base import Logits, Tiles, TokenIds

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")
DTYPE_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
AUTO_PRECISION = {"cpu": "fp32", "cuda": "bf16", "mps": "fp16"}
TILES_PER_BATCH = {"cpu": 1, "cuda": 16, "mps": 4}


@dataclass(slots=True)
class TorchCache:
    """Transformers' growing cache, with the capacity it was made for."""

    layers: Any
    capacity: int

    @property
    def length(self) -> int:
        return int(self.layers.get_seq_length())


class TorchBackend:
    """Runs a checkpoint's safetensors through transformers' Idefics3 / SmolVLM classes.

    Only safetensors are read and no code of the checkpoint is ever run.
    """

    name = "torch"

    def __init__(self, model: Any, image_token_id: int, device: str, precision: str) -> None:
        """Wrap a loaded `*ForConditionalGeneration` model; `load` makes one."""
        self._model: Any = model
        self._image_token_id = image_token_id
        self.device = device
        self.precision = precision
        self.tiles_per_batch = TILES_PER_BATCH[device.partition(":")[0]]

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, precision: str, device: str, threads: int | None
    ) -> TorchBackend:
        """Load a checkpoint's weights.

        Args:
            checkpoint: opened; its weights are fetched here.
            precision: "auto" or one of `PRECISIONS`.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            threads: CPU threads for the whole process's torch; None leaves them alone.

        Raises:
            BackendUnavailable: torch or the device is not there.
            ModelNotFound: the checkpoint has no safetensors.
            ModelInvalid: the weights do not fit the configuration.
        """
        torch, transformers = _import_torch()
        device = pick_device(device)
        kind = device.partition(":")[0]
        if precision == "auto":
            precision = AUTO_PRECISION[kind]
        weights = [name for name in checkpoint.files if name.endswith(".safetensors")]
        if not weights:
            raise ModelNotFound(
                f"{checkpoint.id} has no safetensors weights",
                "Use backend='onnx', or a checkpoint with model.safetensors.",
            )
        index = [n for n in checkpoint.files if n.endswith(".safetensors.index.json")]
        checkpoint.fetch([*weights, *index])
        for name in weights:
            check_safetensors(checkpoint.folder / name)
        if threads is not None:
            torch.set_num_threads(threads)
        dtype = getattr(torch, DTYPE_NAMES[precision])
        try:
            with _no_progress_bar(transformers.utils.logging):
                model, info = transformers.AutoModelForImageTextToText.from_pretrained(
                    checkpoint.folder,
                    dtype=dtype,
                    attn_implementation=_attention(kind, precision),
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    output_loading_info=True,
                )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelInvalid(
                f"the weights of {checkpoint.id} do not load: {error}", "Fetch them again."
            ) from error
        lacking = sorted(info["missing_keys"]) + sorted(map(str, info["mismatched_keys"]))
        if lacking:
            raise ModelInvalid(
                f"the weights of {checkpoint.id} lack {len(lacking)} tensors, e.g. {lacking[0]}",
                "config.json and the weights do not belong together.",
            )
        model = model.to(device).eval()
        return cls(model, checkpoint.config.image_token_id, device, precision)

    def encode(self, tiles: Tiles) -> torch.Tensor:
        """(tiles, 3, S, S) → (tiles, tokens, hidden) on the device."""
        import torch

        with self._computing():
            pixels = torch.from_numpy(np.ascontiguousarray(tiles)).to(self.device, self._dtype)
            side = pixels.shape[-1] // self._model.config.vision_config.patch_size
            # Tiles are always full, so no patch is masked; transformers' own entrance would
            # also drop tiles that happen to be exactly grey.
            mask = torch.ones((len(tiles), side, side), dtype=torch.bool, device=self.device)
            vision = self._model.model.vision_model(pixel_values=pixels, patch_attention_mask=mask)
            return self._model.model.connector(vision.last_hidden_state)

    def create_cache(self, capacity: int) -> TorchCache:
        from transformers import DynamicCache

        with self._computing():
            return TorchCache(DynamicCache(config=self._model.config.text_config), capacity)

    def forward(
        self, token_ids: TokenIds, cache: TorchCache, features: Sequence[torch.Tensor] = ()
    ) -> Logits:
        """Append tokens to the cache; (vocab,) float32 logits after the last."""
        import torch

        with self._computing():
            ids = torch.from_numpy(token_ids).to(self.device)
            embeds = self._model.get_input_embeddings()(ids)  # (L, hidden)
            if features:
                rows = torch.cat([f.reshape(-1, f.shape[-1]) for f in features])
                embeds[ids == self._image_token_id] = rows.to(embeds.dtype)
            hidden = self._model.model.text_model(
                inputs_embeds=embeds[None], past_key_values=cache.layers, use_cache=True
            ).last_hidden_state
            return self._model.lm_head(hidden[0, -1]).float().cpu().numpy()

    def close(self) -> None:
        """Free the weights."""
        import torch

        self._model = None
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    @contextmanager
    def _computing(self) -> Generator[None]:
        """Inference mode; failures of torch, a full GPU among them, become typed errors."""
        import torch

        if self._model is None:
            raise Closed("the torch backend was closed", "Load the checkpoint again.")
        try:
            with torch.inference_mode():
                yield
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            raise ModelError(
                f"torch failed on {self.device} ({str(error)[:300]})",
                "If memory ran out, send fewer images, lower `resolution` or `max_new_tokens`, or "
                "choose a smaller precision or model.",
            ) from error

    @property
    def _dtype(self) -> torch.dtype:
        return self._model.lm_head.weight.dtype


def pick_device(device: str) -> str:
    """The torch device for "auto", or the one asked for if it is there.

    Raises:
        BackendUnavailable: torch or the device is missing.
    """
    torch, _ = _import_torch()
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if here[name])
    kind, _, number = device.partition(":")
    if not here.get(kind, False) or (number and int(number) >= torch.cuda.device_count()):
        raise BackendUnavailable(
            f"torch {torch.__version__} has no device {device!r} here",
            f"Use one of {', '.join(name for name, there in here.items() if there)}.",
        )
    return device


def _import_torch() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except (ImportError, OSError) as error:  # OSError: a shared library of torch is missing
        raise BackendUnavailable(
            f"torch and transformers cannot be imported ({error})",
            "Run `pip install 'smolvlm-tools[torch]'`, or use backend='onnx'.",
        ) from error
    return torch, transformers


@contextmanager
def _no_progress_bar(logging: Any) -> Generator[None]:
    """Keep transformers from drawing its own bar for the moment that loading takes."""
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def _attention(kind: str, precision: str) -> str:
    """Flash attention where it runs: on CUDA, in half precision, when installed."""
    flash = kind == "cuda" and precision != "fp32" and importlib.util.find_spec("flash_attn")
    return "flash_attention_2" if flash else "sdpa"
