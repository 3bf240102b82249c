"""The processes of a run, by accelerate: one, or several that `accelerate launch` has started."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import BackendUnavailable, BadOptions

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Workers:
    """This process among those of the run.

    Attributes:
        device: that it computes on.
        rank: its number, from 0.
        ranks: how many there are.
        shards: whether weights are spread over them (FSDP).
    """

    _accelerator: Any
    device: torch.device
    rank: int
    ranks: int
    shards: bool

    @classmethod
    def join(cls, device: str | None, *, some_unused: bool) -> Workers:
        """Find the device, and the other processes.

        Args:
            device: of `DEVICES`; None for "auto".
            some_unused: whether a batch may leave some of the weights that learn unused.

        Raises:
            BadOptions, BackendUnavailable: the device is unknown, or not here.
        """
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, PartialState
        from accelerate.utils import DistributedDataParallelKwargs, DistributedType

        if device not in (None, *DEVICES):
            raise BadOptions(f"unknown `device={device!r}`", f"Use one of {', '.join(DEVICES)}.")
        if PartialState().num_processes == 1:  # else an earlier run here has chosen the device
            AcceleratorState._reset_state(True)  # pyright: ignore[reportPrivateUsage]
        handler = DistributedDataParallelKwargs(find_unused_parameters=some_unused)
        found = Accelerator(cpu=device == "cpu", kwargs_handlers=[handler])
        if device not in (None, "auto", found.device.type):
            raise BackendUnavailable(
                f"this machine has no device {device!r} that torch can use",
                "Use `device='cpu'`, or leave it out.",
            )
        shards = found.distributed_type == DistributedType.FSDP
        return cls(found, found.device, found.process_index, found.num_processes, shards)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    @property
    def computes_in_bf16(self) -> bool:
        """Whether the device has circuits for bfloat16 that need no looking for."""
        return self.device.type == "cuda" and torch.cuda.is_bf16_supported(False)

    def prepare(self, module: torch.nn.Module) -> Any:
        """The module on the device, wrapped so that gradients are shared."""
        return self._accelerator.prepare(module)

    def prepare_optimizer(self, optimizer: torch.optim.Optimizer) -> Any:
        """The optimizer of what `prepare` gave."""
        return self._accelerator.prepare(optimizer)

    def accumulating(self, module: Any) -> AbstractContextManager[Any]:
        """Gradients in this block are not shared yet."""
        return self._accelerator.no_sync(module)

    def clip(self, parameters: list[torch.nn.Parameter], most: float) -> torch.Tensor:
        """Scale gradients down to a norm; the one they had."""
        return torch.as_tensor(self._accelerator.clip_grad_norm_(parameters, most))

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        return value if self.ranks == 1 else self._accelerator.reduce(value, "sum")

    def any(self, value: bool) -> bool:
        """Whether it is true in some process."""
        flag = torch.tensor(float(value), device=self.device)
        return value if self.ranks == 1 else bool(self.sum(flag) > 0)

    def wait(self) -> None:
        """Wait for all the others."""
        self._accelerator.wait_for_everyone()
