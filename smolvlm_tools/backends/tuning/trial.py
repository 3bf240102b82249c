"""Measures one way of running a checkpoint, in a process of its own.

    echo '{"name": …, "backend": "onnx", "precision": "int8"}' | python -m THIS

The process has nothing else in it, so its peak is that of this way, and what aborts it (a library
built for another CPU) ends nothing else. It prints one line of JSON: seconds and bytes, or a
`reason` why they could not be measured.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ...checkpoint import Checkpoint, open_checkpoint
from ...errors import SmolVLMError
from ...machine.meter import resident
from ..base import AnyBackend
from ..choose import load_backend
from .speeds import PROMPT

TILES, PROMPTS, STEPS = 3, 2, 12
"""How often each is measured, after once to warm up."""


class Trial(BaseModel):
    """What is measured. Fields as of `SmolVLM.load`."""

    model_config = ConfigDict(frozen=True)

    name: str
    revision: str | None = None
    local_files_only: bool = False
    backend: str
    precision: str
    threads: int | None = None


def measure(trial: Trial) -> dict[str, float]:
    """Seconds and bytes, by the names that `Speed` has for them.

    Raises:
        SmolVLMError: it cannot be loaded, or fails.
    """
    checkpoint = open_checkpoint(
        trial.name, revision=trial.revision, local_files_only=trial.local_files_only
    )
    span = resident().start()
    backend = load_backend(checkpoint, trial.backend, trial.precision, "cpu", trial.threads)
    try:
        found = {"tile_seconds": _tile(backend, checkpoint), **_tokens(backend, checkpoint)}
    finally:
        backend.close()
    return {**found, "peak_bytes": span.end()}


def _tile(backend: AnyBackend, checkpoint: Checkpoint) -> float:
    side = checkpoint.config.image.tile_size
    noise = np.random.default_rng(0).standard_normal((1, 3, side, side), np.float32)
    backend.encode(noise)
    return _median(lambda: backend.encode(noise), TILES)


def _tokens(backend: AnyBackend, checkpoint: Checkpoint) -> dict[str, float]:
    """Of a prompt without images, and of the tokens after it."""
    text = checkpoint.config.text
    length = min(PROMPT, text.context_length // 2)
    ids = np.arange(length, dtype=np.int64) % min(text.vocab_size, 1000)
    ids[ids == checkpoint.config.image_token_id] = 0
    runs = [_prompt_and_steps(backend, ids) for _ in range(PROMPTS + 1)][1:]
    prefill, step = (statistics.median(each) for each in zip(*runs, strict=True))
    return {"prefill_seconds": prefill * PROMPT / length, "step_seconds": step}


def _prompt_and_steps(backend: AnyBackend, ids: NDArray[np.int64]) -> tuple[float, float]:
    """Seconds to read a prompt, and for a token after it."""
    cache = backend.create_cache(len(ids) + STEPS + 1)
    try:
        prefill = _seconds(lambda: backend.forward(ids, cache))
        backend.step(ids[:1], [cache])
        return prefill, _median(lambda: backend.step(ids[:1], [cache]), STEPS)
    finally:
        backend.release_cache(cache)


def _median(work: Callable[[], object], times: int) -> float:
    return statistics.median(_seconds(work) for _ in range(times))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Read a trial from stdin, print what it found."""
    found: dict[str, Any]
    try:
        found = {**measure(Trial.model_validate_json(sys.stdin.read()))}
    except SmolVLMError as error:
        found = {"reason": error.reason}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
