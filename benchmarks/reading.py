"""One engine's answers to the quality benchmark's inputs; knows the `Backend` protocol only."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.divergence import Logits
from benchmarks.prompts import write_images
from smolvlm_tools.backends.base import AnyBackend
from smolvlm_tools.backends.choose import load_backend
from smolvlm_tools.chat import ChatTemplate
from smolvlm_tools.checkpoint import Checkpoint
from smolvlm_tools.images import load_image
from smolvlm_tools.preprocess import make_tiles
from smolvlm_tools.request import parse_messages
from smolvlm_tools.resolution import plan_grid

PARTS = ("text", "vision", "speed")
PASSAGE = Path(__file__).with_name("passage.txt")
PROMPTS = (
    "Why is the sky blue? Answer in two sentences.",
    "Write a short poem about a lighthouse.",
    "List five things to pack for a week in the mountains.",
    "What is the capital of France, and what is it known for?",
)
REPLY_TOKENS = 48
PREFILL_STRIDE = 32
CONTEXTS = (100, 1150)
STEPS = 24
VISION_TILES = 3


@dataclass(frozen=True, slots=True)
class Text:
    """What one engine's decoder made of the passage and the prompts.

    Attributes:
        stepped: logits (positions, vocab) of the passage read token by token.
        prefilled: logits (some positions, vocab) of prefixes read in one pass.
        replies: greedy token ids to each of `PROMPTS`.
    """

    stepped: Logits
    prefilled: Logits
    replies: list[list[int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one engine made of the inputs; None for parts that were left out.

    Attributes:
        text: see `Text`.
        features: (tiles, tokens, hidden) of the vision tower, float32.
        decode: tokens a second by context length.
    """

    text: Text | None
    features: NDArray[np.float32] | None
    decode: dict[int, float] | None


def read(checkpoint: Checkpoint, engine: str, parts: Collection[str]) -> Reading:
    """Run one engine, "backend:precision", on some of `PARTS`."""
    name, _, precision = engine.partition(":")
    backend = load_backend(checkpoint, name, precision, "cpu")
    try:
        return Reading(
            text=_read_text(backend, checkpoint) if "text" in parts else None,
            features=_encode(backend, _tiles(checkpoint)) if "vision" in parts else None,
            decode=_speeds(backend, text_ids(checkpoint)) if "speed" in parts else None,
        )
    finally:
        backend.close()


def _read_text(backend: AnyBackend, checkpoint: Checkpoint) -> Text:
    ids = text_ids(checkpoint)
    return Text(
        stepped=_step_through(backend, ids),
        prefilled=np.stack([_last_logits(backend, ids[:end]) for end in prefixes(ids)]),
        replies=[_greedy(backend, prompt) for prompt in _prompt_ids(checkpoint)],
    )


def text_ids(checkpoint: Checkpoint) -> NDArray[np.int64]:
    """`<|im_start|>` and the passage, (L,)."""
    text = PASSAGE.read_text(encoding="utf-8").strip()
    found = checkpoint.tokenizer().encode(text, add_special_tokens=False).ids
    return np.array([1, *found], dtype=np.int64)


def prefixes(ids: NDArray[np.int64]) -> range:
    """Lengths of the prefixes that are read in one pass."""
    return range(PREFILL_STRIDE, len(ids), PREFILL_STRIDE)


def _prompt_ids(checkpoint: Checkpoint) -> list[NDArray[np.int64]]:
    chat = ChatTemplate(checkpoint.tokenizer(), checkpoint.config.image_token_id)
    turns = [parse_messages([{"role": "user", "content": text}]) for text in PROMPTS]
    return [chat.build(messages, []).token_ids for messages in turns]


def _step_through(backend: AnyBackend, ids: NDArray[np.int64]) -> Logits:
    """Logits (L - 1, vocab) after each of all tokens but the last."""
    cache = backend.create_cache(len(ids))
    rows = [backend.forward(ids[:1], cache)]
    rows += [backend.step(ids[at : at + 1], [cache])[0] for at in range(1, len(ids) - 1)]
    backend.release_cache(cache)
    return np.stack(rows)


def _last_logits(backend: AnyBackend, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    cache = backend.create_cache(len(ids))
    logits = np.array(backend.forward(ids, cache))
    backend.release_cache(cache)
    return logits


def _greedy(backend: AnyBackend, ids: NDArray[np.int64]) -> list[int]:
    cache = backend.create_cache(len(ids) + REPLY_TOKENS)
    tokens = [int(backend.forward(ids, cache).argmax())]
    while len(tokens) < REPLY_TOKENS:
        tokens.append(int(backend.step(np.array(tokens[-1:]), [cache])[0].argmax()))
    backend.release_cache(cache)
    return tokens


def _tiles(checkpoint: Checkpoint) -> NDArray[np.float32]:
    """A few tiles of the benchmark's photo, (tiles, 3, S, S)."""
    config = checkpoint.config.image
    with tempfile.TemporaryDirectory() as folder:
        photo = load_image(write_images(Path(folder)).photo)
    return make_tiles(photo.pixels, plan_grid(photo.size, config, 2), config)[-VISION_TILES:]


def _encode(backend: AnyBackend, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of tiles, one a call; torch tensors become arrays."""
    parts = [backend.encode(pixels[at : at + 1]) for at in range(len(pixels))]
    return np.concatenate([np.asarray(part, dtype=np.float32) for part in parts])


def _speeds(backend: AnyBackend, ids: NDArray[np.int64]) -> dict[int, float]:
    return {length: _tokens_per_second(backend, ids, length) for length in CONTEXTS}


def _tokens_per_second(backend: AnyBackend, ids: NDArray[np.int64], length: int) -> float:
    """Median of single steps after `length` tokens: `ids` over and over."""
    ids = np.resize(ids, length)
    cache = backend.create_cache(length + STEPS + 4)
    backend.forward(ids, cache)
    seconds: list[float] = []
    for step in range(STEPS + 4):
        start = time.perf_counter()
        backend.step(ids[step % length, None], [cache])
        seconds.append(time.perf_counter() - start)
    backend.release_cache(cache)
    return 1 / statistics.median(seconds[4:])
