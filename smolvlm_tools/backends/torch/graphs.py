"""Decode steps captured as CUDA graphs, so that a step is one launch.

A graph has fixed addresses and shapes. One is captured for each number of rows and span of
positions attended to, both rounded up to a power of two, and kept until the arena moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .cache import Arena, TorchCache
from .decoder import Decoder
from .limits import ARENA_STEP


@dataclass(slots=True)
class CapturedStep:
    """A graph, its inputs (3, rows): tokens, arena rows, positions, and its output."""

    graph: Any
    inputs: torch.Tensor
    logits: torch.Tensor


class ArenaSteps:
    """Steps over sequences whose caches are rows of one arena.

    Without `capture` each step is computed without a graph, which works on any device.
    """

    def __init__(self, decoder: Decoder, arena: Arena, capture: bool) -> None:
        self._decoder, self._arena, self._capture = decoder, arena, capture
        self._captured: dict[tuple[int, int], CapturedStep] = {}
        self._version = arena.version
        self._stream: Any = None
        self._pool: Any = None

    def step(self, ids: torch.Tensor, caches: Sequence[TorchCache]) -> torch.Tensor:
        """Append one token (B,) to each of B caches; logits (B, vocab) float32."""
        for cache in caches:
            cache.room(1)
        count = len(caches)
        rows = 1 << (count - 1).bit_length()
        # padding repeats the first sequence, which writes the same values once more
        chosen = [caches[n if n < count else 0] for n in range(rows)]
        inputs = torch.tensor(
            [
                [*ids.tolist(), *[int(ids[0])] * (rows - count)],
                [cache.row for cache in chosen],
                [cache.length for cache in chosen],
            ]
        )
        logits = self._run(inputs, self._span(max(cache.length for cache in caches) + 1))
        for cache in caches:
            cache.length += 1
        return logits[:count]

    def _span(self, needed: int) -> int:
        span = ARENA_STEP
        while span < needed:
            span *= 2
        return min(span, self._arena.states.shape[3])

    def _run(self, inputs: torch.Tensor, span: int) -> torch.Tensor:
        if not self._capture:
            return self._compute(inputs.to(self._arena.states.device), span)
        if self._version != self._arena.version:
            self._captured.clear()
            self._version = self._arena.version
        key = (inputs.shape[1], span)
        if key not in self._captured:
            self._captured[key] = self._capture_step(inputs, span)
        captured = self._captured[key]
        captured.inputs.copy_(inputs)
        captured.graph.replay()
        return captured.logits

    def _compute(self, inputs: torch.Tensor, span: int) -> torch.Tensor:
        return self._decoder.step_rows(self._arena.states[:, :, :, :span], *inputs.unbind())

    def _capture_step(self, inputs: torch.Tensor, span: int) -> CapturedStep:
        """Capture a step after computing it twice, which leaves what it writes as it is.

        Warm-up runs on a side stream, as https://pytorch.org/docs/stable/notes/cuda.html asks. It
        is the stream of the capture, as cuBLAS takes up to 32 MiB for every stream it sees. The
        graphs share one pool of memory: they are never replayed at once, and their outputs stay
        alive.
        """
        inputs = inputs.to(self._arena.states.device)
        with torch.cuda.device(inputs.device), torch.cuda.stream(torch.cuda.current_stream()):
            if self._stream is None:
                self._stream = torch.cuda.Stream()
            if not self._captured:  # a pool goes with the last of its graphs
                self._pool = torch.cuda.graph_pool_handle()
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(2):
                    self._compute(inputs, span)
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # other threads of the process may use the device meanwhile
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                logits = self._compute(inputs, span)
        return CapturedStep(graph, inputs, logits)
