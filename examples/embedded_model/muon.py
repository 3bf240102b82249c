"""Muon in float32: momentum whose matrices are made orthogonal before they are applied.

`torch.optim.Muon` does this in bfloat16, which processors without bf16 units only emulate.
Source: https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonal(batch: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz iteration on a batch (n, rows, columns), rows <= columns."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = batch / (batch.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for two-dimensional parameters."""

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        """Keeps one momentum buffer a parameter."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Applies one update; matrices of one shape are treated together."""
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                buffer = state.setdefault("momentum", torch.zeros_like(param))
                buffer.lerp_(param.grad, 1 - group["momentum"])
                update = param.grad.lerp(buffer, group["momentum"])
                flat = update.mT if update.shape[0] > update.shape[1] else update
                shapes[tuple(flat.shape)].append((param, flat))
            for pairs in shapes.values():
                updates = orthogonal(torch.stack([flat for _, flat in pairs]))
                for (param, _), update in zip(pairs, updates, strict=True):
                    tall = param.shape[0] > param.shape[1]
                    scale = max(1.0, param.shape[0] / param.shape[1]) ** 0.5
                    param.mul_(1 - group["lr"] * group["decay"])
                    param.add_(update.mT if tall else update, alpha=-group["lr"] * scale)
