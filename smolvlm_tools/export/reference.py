"""What torch computes for a seeded prompt: the truth that exported files are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import AdapterFiles
from ..checkpoint.config import ModelConfig
from ..errors import BackendUnavailable, ModelInvalid

GREEDY_STEPS = 8
TEXT_BEFORE, TEXT_AFTER = 5, 6
PACKAGES = ("onnx", "onnxruntime", "safetensors", "torch", "transformers")
REMEDY = "Run `pip install 'smolvlm-tools[export]'`."


@dataclass(frozen=True, slots=True)
class TorchOutputs:
    """Inputs and torch's float32 outputs."""

    tiles: NDArray[np.float32]  # (2, 3, S, S)
    features: NDArray[np.float32]  # (2, tokens_per_tile, hidden)
    prompt: NDArray[np.int64]  # (L,), text around the image tokens of the first tile
    embeddings: NDArray[np.float32]  # (L, hidden), of the prompt's ids
    logits: NDArray[np.float32]  # (1 + GREEDY_STEPS, vocab): after the prompt and each token
    tokens: NDArray[np.int64]  # (GREEDY_STEPS,), chosen greedily


def require_export_packages() -> None:
    """Raise `BackendUnavailable` unless all of the extra `export` is installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise BackendUnavailable(f"export needs {', '.join(missing)}, not installed here", REMEDY)


def compute_reference(
    folder: Path, config: ModelConfig, *, half: bool, adapter: AdapterFiles | None
) -> TorchOutputs:
    """Run transformers' own model in float32 on one seeded prompt with an image.

    The adapter is merged into the weights first, and `half` rounds them to float16.

    Raises:
        ModelInvalid: transformers cannot load the folder, or the adapter cannot be merged.
    """
    import torch

    from .weights import open_weights

    model = _load(folder, half)
    if adapter is not None:
        for name, values in open_weights(folder, half=half, adapter=adapter).merged():
            model.get_parameter(name).data = torch.from_numpy(values)
    rng = np.random.default_rng(20)
    size = config.image.tile_size
    tiles = rng.uniform(-1, 1, (2, 3, size, size)).astype(np.float32)
    prompt = _prompt(rng, config)
    pixels = torch.from_numpy(tiles)
    with torch.inference_mode():
        tower = model.model.get_image_features
        features = torch.cat([tower(tile[None, None]).pooler_output[0][None] for tile in pixels])
        ids = torch.from_numpy(prompt)[None]
        embeddings = model.get_input_embeddings()(ids)[0]
        output = model(input_ids=ids, pixel_values=pixels[None, :1], use_cache=True)
        logits, tokens = [output.logits[0, -1]], []
        for _ in range(GREEDY_STEPS):
            tokens.append(int(logits[-1].argmax()))
            output = model(
                input_ids=torch.tensor([[tokens[-1]]]),
                past_key_values=output.past_key_values,
                use_cache=True,
            )
            logits.append(output.logits[0, -1])
    rows = torch.stack(logits).numpy()
    return TorchOutputs(tiles, features.numpy(), prompt, embeddings.numpy(), rows, np.array(tokens))


def _load(folder: Path, half: bool) -> Any:
    model = open_transformers(folder)
    if half:
        for parameter in model.parameters():
            parameter.data = parameter.data.half().float()
    return model


def open_transformers(folder: Path) -> Any:
    """Open a folder as transformers' own model, in float32 on the CPU, set to evaluate.

    Raises:
        ModelInvalid: transformers cannot load it.
    """
    import torch
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging

    bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise ModelInvalid(
            f"transformers cannot load {folder} ({str(error)[:300]})",
            "Check that config.json and the weights belong to the same checkpoint.",
        ) from error
    finally:
        if bar:
            logging.enable_progress_bar()
    return model.eval()


def _prompt(rng: np.random.Generator, config: ModelConfig) -> NDArray[np.int64]:
    text = rng.integers(0, config.text.vocab_size, TEXT_BEFORE + TEXT_AFTER)
    text[text == config.image_token_id] = 0
    image = np.full(config.image.tokens_per_tile, config.image_token_id)
    return np.concatenate([text[:TEXT_BEFORE], image, text[TEXT_BEFORE:]]).astype(np.int64)
