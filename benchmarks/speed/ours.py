"""This project as an engine, through its public API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.prompts import conversation, exactly
from benchmarks.speed.calls import Request, Timing, mean_gap


class Ours:
    """`SmolVLM` with the given backend and precision; imports are part of loading."""

    def __init__(self, folder: Path, backend: str, precision: str, *, cache: bool) -> None:
        from smolvlm_tools import SmolVLM

        self._vlm = SmolVLM.load(
            folder, backend=backend, precision=precision, device="cpu", cache=cache
        )

    def reply(self, request: Request, new_tokens: int) -> Timing:
        start = time.perf_counter()
        arrivals: list[float] = []
        result = None
        messages = conversation(request.text, request.images)
        resolution: Any = request.resolution
        for chunk in self._vlm.stream(messages, **exactly(new_tokens), resolution=resolution):
            arrivals.append(time.perf_counter())
            result = chunk.result
        assert result is not None  # the last chunk carries it
        usage = result.usage
        return Timing(
            prompt_tokens=usage.prompt_tokens,
            tiles=usage.tiles,
            prepare=usage.seconds.preprocess,
            vision=usage.seconds.vision,
            prefill=usage.seconds.prefill,
            first_token=arrivals[0] - start,
            step=mean_gap(arrivals),
        )

    def together(self, requests: Sequence[Request], new_tokens: int) -> float:
        start = time.perf_counter()
        conversations = [conversation(request.text, request.images) for request in requests]
        resolution: Any = requests[0].resolution
        results = self._vlm.batch(conversations, **exactly(new_tokens), resolution=resolution)
        seconds = time.perf_counter() - start
        assert all(result.usage.completion_tokens == new_tokens for result in results)
        return seconds

    @property
    def plan(self) -> str:
        """The backend and precision that were chosen."""
        return repr(self._vlm)

    def close(self) -> None:
        self._vlm.close()
