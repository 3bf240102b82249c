"""The decoder: Llama's layers over preallocated keys and values.

Computes what transformers' `LlamaModel` does, with queries, keys and values in one product, gate
and up in another, and logits of the last position only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ...checkpoint.config import TextConfig
from ...machine.mapped_pages import forget_range
from .cache import TorchCache
from .formats.matrix import Matrix
from .limits import CHUNK, LOOKED_UP
from .plan import Plan

Activation = Callable[[torch.Tensor], torch.Tensor]
Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(layer, q, k, v), each (rows, heads, head_dim) -> mixed values (rows, heads * head_dim)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer; norms are (hidden,)."""

    norm1: torch.Tensor
    qkv: Matrix
    out: Matrix
    norm2: torch.Tensor
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """All of a decoder's weights.

    Attributes:
        table: (vocab, hidden).
        cos, sin: (context, head_dim).
        mapped: whether the table is a mapped file, read only to look tokens up.
    """

    table: torch.Tensor
    layers: Sequence[Layer]
    norm: torch.Tensor
    head: Matrix
    cos: torch.Tensor
    sin: torch.Tensor
    activation: Activation
    mapped: bool = False


class Decoder:
    """Runs the tokens of one sequence, or one token of each of several sequences."""

    def __init__(self, weights: DecoderWeights, text: TextConfig, plan: Plan) -> None:
        self._weights, self._text, self._plan = weights, text, plan

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of the token table (L, hidden) in the dtype of the activations."""
        table, plan = self._weights.table, self._plan
        ids = ids.to(table.device)
        if not self._weights.mapped:
            return F.embedding(ids, table).to(plan.device, plan.activations)
        rows = torch.empty((len(ids), table.shape[1]), dtype=plan.activations)
        for some, slot in zip(ids.split(LOOKED_UP), rows.split(LOOKED_UP), strict=True):
            slot.copy_(F.embedding(some, table))
            forget_range(table.data_ptr(), table.nbytes)
        return rows

    def prefill(self, embeds: torch.Tensor, cache: TorchCache, kept: int = 1) -> torch.Tensor:
        """Append embeddings (L, hidden) to `cache`; logits (kept, vocab) float32 after the last.

        Args:
            kept: at most `CHUNK`, and if it is more than 1, L.
        """
        states = cache.room(len(embeds))
        last = embeds[:0]
        for part in embeds.split(CHUNK):
            start, end = cache.length, cache.length + len(part)
            positions = torch.arange(start, end, device=embeds.device)
            mask = self._mask(start, end) if start and len(part) > 1 else None

            def attend(
                layer: int,
                q: torch.Tensor,
                k: torch.Tensor,
                v: torch.Tensor,
                start: int = start,
                mask: torch.Tensor | None = mask,
            ) -> torch.Tensor:
                return _append(states[2 * layer : 2 * layer + 2], q, k, v, start, mask)

            last = self._run(part, positions, attend)[-kept:]
            cache.length = end
        return self._logits(last)

    def step(self, ids: torch.Tensor, caches: Sequence[TorchCache]) -> torch.Tensor:
        """Append one token (B,) to each of B caches; logits (B, vocab) float32.

        All rows go through the matrices at once; attention goes cache by cache, as lengths differ.
        """
        states = [cache.room(1) for cache in caches]
        starts = [cache.length for cache in caches]

        def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            slots = [held[2 * layer : 2 * layer + 2] for held in states]
            rows = [
                _append(slot, q[n : n + 1], k[n : n + 1], v[n : n + 1], start, None)
                for n, (slot, start) in enumerate(zip(slots, starts, strict=True))
            ]
            return rows[0] if len(rows) == 1 else torch.cat(rows)

        positions = torch.tensor(starts, device=ids.device)
        logits = self._logits(self._run(self.embed(ids), positions, attend))
        for cache in caches:
            cache.length += 1
        return logits

    def step_rows(
        self, arena: torch.Tensor, ids: torch.Tensor, rows: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        """`step` without decisions of the host, so that it can be captured as a graph.

        Args:
            arena: (rows, 2 * layers, kv_heads, span, head_dim); later positions are left out.
            ids: tokens (B,).
            rows: the arena's row of each, (B,).
            positions: of each token, (B,).
        """
        span = torch.arange(arena.shape[3], device=arena.device)
        mask = (span <= positions[:, None])[:, None, None]  # (B, 1, 1, span)

        def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            held: list[torch.Tensor] = []
            for slot, new in ((2 * layer, k), (2 * layer + 1, v)):
                states = arena[:, slot]
                states[rows, :, positions] = new.to(arena.dtype)
                held.append(states.index_select(0, rows))  # (B, kv_heads, span, head_dim)
            grouped = q.to(arena.dtype).view(len(q), k.shape[1], -1, q.shape[2])
            mixed = F.scaled_dot_product_attention(grouped, *held, attn_mask=mask)
            return mixed.reshape(len(q), -1)

        return self._logits(self._run(self.embed(ids), positions, attend))

    def _run(self, x: torch.Tensor, positions: torch.Tensor, attend: Attend) -> torch.Tensor:
        """All layers over x (rows, hidden); returns the residual before the last norm."""
        weights, text = self._weights, self._text
        cos, sin = weights.cos[positions, None], weights.sin[positions, None]  # (rows, 1, dim)
        heads, kv_heads, width, eps = text.heads, text.kv_heads, text.head_dim, text.rms_norm_eps
        hidden = (text.hidden_size,)
        for n, layer in enumerate(weights.layers):
            h = F.rms_norm(x, hidden, layer.norm1, eps)
            qkv = layer.qkv(h).view(len(x), heads + 2 * kv_heads, width)
            qk, v = qkv.split([heads + kv_heads, kv_heads], 1)
            qk = qk.to(x.dtype)
            qk = torch.addcmul(qk * cos, qk.roll(width // 2, -1), sin)
            mixed = attend(n, qk[:, :heads], qk[:, heads:], v)
            x = x + layer.out(mixed)
            del qkv, qk, v, mixed  # they would stay beside the larger ones below
            h = F.rms_norm(x, hidden, layer.norm2, eps)
            gate, up = layer.gate_up(h).chunk(2, 1)
            x = x + layer.down(weights.activation(gate).mul_(up))
            del gate, up
        return x

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, hidden) -> (rows, vocab) float32."""
        weights, text = self._weights, self._text
        h = F.rms_norm(x, (text.hidden_size,), weights.norm, text.rms_norm_eps)
        return weights.head(h).float()

    def _mask(self, start: int, end: int) -> torch.Tensor:
        """0 where position start + i may look, -inf elsewhere: (end - start, end)."""
        mask = torch.full(
            (end - start, end), -torch.inf, dtype=self._plan.cache, device=self._plan.device
        )
        return mask.triu_(start + 1)


def _append(
    states: torch.Tensor,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    start: int,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Write k and v (L, kv_heads, dim) at `start` and attend to all up to there: (L, heads * dim).

    A single token's heads that share keys are laid out as so many queries, so that keys are read
    once. Several tokens without a mask start a sequence and are causal among themselves.
    """
    length, kv_heads, width = k.shape
    end = start + length
    states[0, :, start:end] = k.transpose(0, 1)
    states[1, :, start:end] = v.transpose(0, 1)
    keys, values = states[0, None, :, :end], states[1, None, :, :end]  # (1, kv_heads, end, dim)
    q = q.to(states.dtype)
    if length == 1:
        grouped = q.view(1, kv_heads, -1, width)
        return F.scaled_dot_product_attention(grouped, keys, values).view(1, -1)
    groups = q.shape[1] // kv_heads
    mixed = F.scaled_dot_product_attention(
        q.transpose(0, 1)[None],
        keys.repeat_interleave(groups, 1),
        values.repeat_interleave(groups, 1),
        attn_mask=mask,
        is_causal=mask is None,
    )
    return mixed[0].transpose(0, 1).reshape(length, -1)
