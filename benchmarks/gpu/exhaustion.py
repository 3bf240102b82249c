"""Lets memory really run out in each stage of a request, and looks at what the engine does next.

Right before the stage the allocator is forbidden to take more and every gap it has is filled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gpu.memory import MIB, CudaGpu
from benchmarks.gpu.task import GpuTask, ask, token_ids
from benchmarks.prompts import conversation
from smolvlm_tools.errors import SmolVLMError

STAGES = {"vision": "encode", "cache": "create_cache", "prefill": "forward", "decode": "step"}
"""Stages of a request, by the backend's call."""

LONG = 600
"""Words of the prompt that runs out: longer than any that steps were captured for before."""

NEW_TOKENS = 16
SMALLEST_GROWTH = 100 * MIB
"""Below it, the allocator's own steps of up to 20 MiB hide what a micro-batch of tiles takes."""


class Squeezed:
    """A backend that has no more than `room` bytes in one of its calls."""

    def __init__(self, backend: Any, gpu: CudaGpu) -> None:
        self._backend, self._gpu = backend, gpu
        self.stage: str | None = None  # of `STAGES`; None lets everything through
        self.room = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        if self.stage is None or name != STAGES[self.stage]:
            return found

        def limited(*arguments: Any) -> Any:
            self._gpu.squeeze(self.room)
            try:
                return found(*arguments)
            finally:
                self._gpu.release()

        return limited


def exhaust(task: GpuTask) -> dict[str, Any]:
    """Let memory run out in every stage; after each, ask the same small question again."""
    from smolvlm_tools import SmolVLM, open_checkpoint
    from smolvlm_tools.backends.choose import load_backend

    checkpoint = open_checkpoint(task.folder)
    backend = load_backend(checkpoint, "torch", task.argument, task.device)
    squeezed = Squeezed(backend, task.gpu)
    long = conversation("word " * LONG, [task.images.photo])
    small = conversation("What is this?", [task.images.icon])
    stages: dict[str, Any] = {}
    with SmolVLM(checkpoint, squeezed) as vlm:

        def answer() -> list[int]:
            return token_ids(ask(vlm, small, NEW_TOKENS, logprobs=True))

        expected = answer()
        for stage in STAGES:
            squeezed.stage = stage
            stages[stage] = _outcome(vlm, long)
            squeezed.stage = None
            stages[stage]["next_answer_is_the_same"] = answer() == expected
            stages[stage]["allocated_after"] = task.gpu.allocated()
        halved = _halve(task, vlm, squeezed, checkpoint.config.vision.image_size)
    return {"stages": stages, "halved": halved}


def _halve(task: GpuTask, vlm: Any, squeezed: Squeezed, side: int) -> dict[str, Any]:
    """Ask for a page where half a micro-batch fits and a whole one does not."""
    growth = _growth(squeezed, task.gpu, side)
    if growth < SMALLEST_GROWTH:
        return {"growth": growth}
    page = conversation("Describe.", [task.images.pages[0]])
    squeezed.stage, squeezed.room = "vision", round(0.75 * growth)
    found = _outcome(vlm, page)
    squeezed.stage, squeezed.room = None, 0
    return found | {"growth": growth}


def _growth(squeezed: Squeezed, gpu: CudaGpu, side: int) -> int:
    """What encoding a whole micro-batch of tiles takes at its peak."""
    tiles = np.zeros((squeezed.tiles_per_batch, 3, side, side), np.float32)
    squeezed.encode(tiles)  # the first one starts libraries, too
    gpu.reset()
    before = gpu.allocated()
    squeezed.encode(tiles)
    return gpu.peak() - before


def _outcome(vlm: Any, message: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        result = ask(vlm, message, NEW_TOKENS, resolution="native")
    except SmolVLMError as error:
        return {"error": type(error).__name__, "reason": str(error)}
    return {"error": None, "flags": list(result.flags)}
