"""The torch backend: SmolVLM's layers over caches of a fixed size."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Logits, Tiles, TokenIds
from ...checkpoint import AdapterFiles, Checkpoint
from ...errors import BackendUnavailable, Closed, ModelError
from ...machine.heap import give_back_large_blocks, trim_heap
from ..base import GUESSES, copy_to_larger
from ..precision import Precision
from .names import TILES_PER_BATCH, auto_kind
from .saved import agreed_kinds, read_config, saved_kinds

if TYPE_CHECKING:
    import torch

    from .cache import TorchCache


class TorchBackend:
    """Runs a checkpoint's safetensors with torch alone; no code of the checkpoint is ever run."""

    name = "torch"

    def __init__(
        self, decoder: Any, vision: Any, plan: Any, image_token_id: int, text: Any
    ) -> None:
        """Wrap a decoder and a vision tower; `load` makes them."""
        from .cache import Arena
        from .graphs import ArenaSteps

        self._decoder: Any = decoder
        self._vision: Any = vision
        self._plan, self._image_token_id, self._text = plan, image_token_id, text
        self.device: str = plan.device
        self.precision: str = plan.name
        kind = self.device.partition(":")[0]
        self.tiles_per_batch = TILES_PER_BATCH[kind]
        self.encodes_beside = kind == "cpu"
        self.most_guesses = GUESSES if kind == "cpu" and plan.name == "fp32" else 0
        self._arena = self._steps = None
        if kind == "cuda":
            with self._computing():
                self._arena = Arena(text, plan.cache, self.device)
                self._steps = ArenaSteps(decoder, self._arena, capture=plan.can_be_captured)

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision,
        device: str,
        threads: int | None,
        adapter: AdapterFiles | None = None,
    ) -> TorchBackend:
        """Load a checkpoint's weights.

        Args:
            checkpoint: opened; its weights are fetched here.
            precision: "auto" (bf16; fp16 on mps; what a quantized checkpoint is), one of
                `names.KINDS`, or one for each component as {"vision": "bf16", "decoder":
                "bnb-nf4"} or "vision=bf16,decoder=bnb-nf4".
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            threads: CPU threads for the whole process's torch; None leaves them alone.
            adapter: a LoRA adapter, merged into the weights before any quantization.

        Raises:
            BackendUnavailable: torch, the device or the library of a quantized precision is
                missing, or the library has no kernel for it on the device.
            BadOptions: no such precision, or not the one that the checkpoint is quantized in.
            ModelNotFound: the checkpoint has no safetensors.
            ModelInvalid: the weights do not fit the configuration, or the adapter the weights.
        """
        torch = import_torch()
        device = pick_device(device)
        if device == "cpu":
            give_back_large_blocks()
        from .build import load_model
        from .plan import make_plan

        saved = saved_kinds(read_config(checkpoint.folder))
        plan = make_plan(agreed_kinds(precision, saved, auto_kind(device)), device)
        if threads is not None:
            torch.set_num_threads(threads)
        with _typed_errors(device):
            decoder, vision = load_model(checkpoint, plan, adapter)
        trim_heap()  # of what quantizing and reading left between the weights
        config = checkpoint.config
        return cls(decoder, vision, plan, config.image_token_id, config.text)

    def encode(self, tiles: Tiles) -> torch.Tensor:
        """(tiles, 3, S, S) → (tiles, tokens, hidden) on the device."""
        import torch

        with self._computing():
            pixels = torch.from_numpy(np.ascontiguousarray(tiles))
            return self._vision.encode(pixels.to(self.device, self._plan.activations))

    def embed(self, token_ids: TokenIds) -> torch.Tensor:
        """Rows of the token table for ids (L,): (L, hidden), on the device."""
        import torch

        with self._computing():
            return self._decoder.embed(torch.from_numpy(np.ascontiguousarray(token_ids)))

    def create_cache(self, capacity: int) -> TorchCache:
        """An empty cache. On a CPU, memory is taken as it fills where the system allows."""
        import torch

        from .cache import TorchCache, state_shape

        with self._computing():
            if self._arena is not None:
                return self._arena.create(capacity)
            shape = state_shape(self._text, capacity)
            states = torch.empty(shape, dtype=self._plan.cache, device=self.device)
            return TorchCache(capacity, states)

    def forward(
        self, token_ids: TokenIds, cache: TorchCache, features: Sequence[torch.Tensor] = ()
    ) -> Logits:
        """Append tokens (L,) to the cache; (vocab,) float32 logits after the last.

        Raises:
            BadPrompt: they do not fit the cache.
            ModelError: torch failed, or the cache was released.
        """
        import torch

        with self._computing():
            ids = torch.from_numpy(np.ascontiguousarray(token_ids))
            embeds = self._decoder.embed(ids)
            if features:
                rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in features])
                embeds[(ids == self._image_token_id).to(embeds.device)] = rows.to(embeds.dtype)
            return self._decoder.prefill(embeds, cache)[0].cpu().numpy()

    def step(self, token_ids: TokenIds, caches: Sequence[TorchCache]) -> NDArray[np.float32]:
        """Append one token to each of B caches; (B, vocab) float32 logits.

        On CUDA a step is one captured graph. Elsewhere all rows go through the matrices at once,
        and attention goes cache by cache.

        Raises:
            BadPrompt: a cache is full; none was changed.
            ModelError: torch failed, or a cache was released.
        """
        import torch

        with self._computing():
            ids = torch.from_numpy(np.ascontiguousarray(token_ids))
            if self._steps is not None:
                return self._steps.step(ids, caches).cpu().numpy()
            return self._decoder.step(ids.to(self.device), caches).cpu().numpy()

    def verify(self, token_ids: TokenIds, cache: TorchCache) -> NDArray[np.float32]:
        """Append a few tokens (L,) to the cache; (L, vocab) float32 logits after each.

        Raises:
            BadPrompt: they do not fit the cache.
            ModelError: torch failed, or the cache was released.
        """
        import torch

        with self._computing():
            embeds = self._decoder.embed(torch.from_numpy(np.ascontiguousarray(token_ids)))
            return self._decoder.prefill(embeds, cache, len(token_ids)).cpu().numpy()

    def read_cache(self, cache: TorchCache, start: int, stop: int) -> torch.Tensor:
        """A copy of the states (2 * layers, kv_heads, stop - start, head_dim)."""
        with self._computing():
            return cache.room(0)[:, :, start:stop].clone()

    def write_cache(self, cache: TorchCache, block: torch.Tensor) -> None:
        """Append what `read_cache` returned."""
        with self._computing():
            stop = cache.length + block.shape[2]
            cache.room(block.shape[2])[:, :, cache.length : stop] = block
            cache.length = stop

    def truncate_cache(self, cache: TorchCache, length: int) -> None:
        cache.length = length

    def grow_cache(self, cache: TorchCache, capacity: int) -> TorchCache:
        return copy_to_larger(self, cache, capacity)

    def release_cache(self, cache: TorchCache) -> None:
        if self._arena is not None:
            self._arena.release(cache)
        cache.states = None

    def close(self) -> None:
        import torch

        self._decoder = self._vision = self._arena = self._steps = None
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    @contextmanager
    def _computing(self) -> Generator[None]:
        """Inference mode, with torch's failures (a full GPU is one) as typed errors."""
        import torch

        if self._decoder is None:
            raise Closed("the torch backend was closed", "Load the checkpoint again.")
        with _typed_errors(self.device), torch.inference_mode():
            yield


def pick_device(device: str) -> str:
    """The torch device that "auto" stands for, or the one asked for if it is there."""
    torch = import_torch()
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


def import_torch() -> Any:
    """The module torch."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch is missing
        raise BackendUnavailable(
            f"torch cannot be imported ({error})",
            "Run `pip install 'smolvlm-tools[torch]'`, or use `backend='onnx'`.",
        ) from error
    return torch


@contextmanager
def _typed_errors(device: str) -> Generator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        raise ModelError(
            f"torch failed on {device} ({str(error)[:300]})",
            "If memory ran out, send fewer images, or choose a smaller precision or model. Or "
            "lower `resolution` or `max_new_tokens`.",
        ) from error
