"""`killed_finetuning` with weights spread over the processes, on CPUs.

accelerate shards on accelerators only; here torch's own FSDP does what accelerate has it do there.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch.distributed.fsdp import fully_shard

from smolvlm_tools.finetune.workers import Workers
from tests.support.killed_finetuning import main


class Wrapped:
    """As accelerate wraps an optimizer."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)


class Sharding:
    """What of accelerate is asked, for weights that are spread."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def prepare(self, what: Any) -> Any:
        if isinstance(what, torch.optim.Optimizer):
            return Wrapped(what)
        for layer in what.model.model.text_model.layers:
            fully_shard(layer)
        return fully_shard(what)

    def no_sync(self, module: Any) -> Any:
        return nullcontext()

    def clip_grad_norm_(self, parameters: Any, most: float) -> Any:
        return torch.nn.utils.clip_grad_norm_(parameters, most).full_tensor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def spread() -> None:
    """Have `finetune` in this process shard."""
    plain = Workers.join.__func__

    def join(cls: Any, *args: Any, **kwargs: Any) -> Workers:
        found = plain(cls, *args, **kwargs)
        return replace(found, _accelerator=Sharding(found._accelerator), shards=True)

    Workers.join = classmethod(join)


if __name__ == "__main__":
    spread()
    main(*sys.argv[1:])
