"""Decode steps captured as CUDA graphs: one launch per step; knows batches, not layers.

A graph has fixed addresses and shapes: one is captured per number of rows and per span of positions
that is looked at, each rounded up to a power of two, and kept until the arena moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .torch_cache import SMALLEST, Arena, TorchCache
from .torch_decoder import Decoder


@dataclass(slots=True)
class CapturedStep:
    """A graph, its inputs (3, rows): tokens, arena rows, positions, and its output."""

    graph: Any
    inputs: torch.Tensor
    logits: torch.Tensor


class ArenaSteps:
    """Steps over sequences whose caches are rows of one arena.

    Args:
        decoder: what is captured.
        arena: of the caches.
        capture: False computes each step without a graph, which any device can.
    """

    def __init__(self, decoder: Decoder, arena: Arena, capture: bool) -> None:
        self._decoder, self._arena, self._capture = decoder, arena, capture
        self._captured: dict[tuple[int, int], CapturedStep] = {}
        self._version = arena.version

    def step(self, ids: torch.Tensor, caches: Sequence[TorchCache]) -> torch.Tensor:
        """Append one token (B,) to each of B caches; logits (B, vocab) float32."""
        for cache in caches:
            cache.room(1)
        count = len(caches)
        rows = 1 << (count - 1).bit_length()
        inputs = torch.zeros((3, rows), dtype=torch.long)  # padding: row 0, which is nobody's
        inputs[0, :count] = ids
        inputs[1, :count] = torch.tensor([cache.row for cache in caches])
        inputs[2, :count] = torch.tensor([cache.length for cache in caches])
        logits = self._run(inputs, self._span(max(cache.length for cache in caches) + 1))
        for cache in caches:
            cache.length += 1
        return logits[:count]

    def _span(self, needed: int) -> int:
        span = SMALLEST
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
            self._captured[key] = self._capture_step(inputs.shape[1], span)
        captured = self._captured[key]
        captured.inputs.copy_(inputs)
        captured.graph.replay()
        return captured.logits

    def _compute(self, inputs: torch.Tensor, span: int) -> torch.Tensor:
        return self._decoder.step_rows(self._arena.states[:, :, :, :span], *inputs.unbind())

    def _capture_step(self, rows: int, span: int) -> CapturedStep:
        """Capture on zeros: tokens and positions 0 of row 0, which is nobody's.

        Warm-up runs on a side stream, as https://pytorch.org/docs/stable/notes/cuda.html asks.
        """
        inputs = torch.zeros((3, rows), dtype=torch.long, device=self._arena.states.device)
        with torch.cuda.device(inputs.device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(2):
                    self._compute(inputs, span)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                logits = self._compute(inputs, span)
        return CapturedStep(graph, inputs, logits)
