"""Exports of tiny checkpoints, and running them without an engine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from smolvlm_tools.backends.onnx.backend import OnnxBackend
from smolvlm_tools.checkpoint import Checkpoint
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.checkpoint.manifest import MANIFEST


def exported(folder: Path) -> Checkpoint:
    return Checkpoint.from_folder(folder)


def foreign_copy(source: Path, folder: Path) -> Path:
    """A copy of an export that may be changed: as other tools' files are, with no manifest."""
    return Path(shutil.copytree(source, folder, ignore=shutil.ignore_patterns(MANIFEST)))


def load(folder: Path, precision: str = "auto") -> OnnxBackend:
    return OnnxBackend.load(exported(folder), precision, "cpu", threads=1)


def make_prompt(config: ModelConfig, tiles: int, seed: int = 1) -> tuple[Any, Any]:
    """Token ids with `tiles` runs of image tokens between text, and the tiles' pixels."""
    rng = np.random.default_rng(seed)
    size = config.image.tile_size

    def text(count: int) -> Any:
        ids = rng.integers(3, config.image_token_id, count)
        return ids

    run = np.full(config.image.tokens_per_tile, config.image_token_id)
    parts = [text(4), *(part for _ in range(tiles) for part in (run, text(2)))]
    pixels = rng.uniform(-1, 1, (tiles, 3, size, size)).astype(np.float32)
    return np.concatenate(parts).astype(np.int64), pixels


def greedy(backend: OnnxBackend, ids: Any, tiles: Any, steps: int) -> list[int]:
    cache = backend.create_cache(len(ids) + steps)
    features = [backend.encode(tiles)] if len(tiles) else []
    logits = backend.forward(ids, cache, features)
    tokens = [int(logits.argmax())]
    while len(tokens) < steps:
        logits = backend.forward(np.array(tokens[-1:]), cache)
        tokens.append(int(logits.argmax()))
    return tokens


def torch_greedy(folder: Path, ids: Any, tiles: Any, steps: int) -> list[int]:
    """transformers' own `generate` for the same ids and pixels."""
    import torch

    from tests.support.transformers_reference import load_model

    inputs: dict[str, Any] = {"input_ids": torch.from_numpy(ids)[None]}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if len(tiles):
        inputs["pixel_values"] = torch.from_numpy(tiles)[None]
    with torch.inference_mode():
        output = load_model(folder).generate(
            **inputs, max_new_tokens=steps, min_new_tokens=steps, do_sample=False, eos_token_id=-1
        )
    return output[0, len(ids) :].tolist()
