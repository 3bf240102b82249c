"""CUDA memory as torch's allocator counts it: its limit and its peaks."""

from __future__ import annotations

import functools

import torch

from ...errors import OutOfMemoryBudget
from ...machine.amounts import format_bytes
from ...machine.meter import Meter


class CudaAllocator:
    """A high-water mark; see `machine.meter.HighWaterMark`."""

    def __init__(self, device: str) -> None:
        self._device = device

    def now(self) -> int:
        return torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self._device)

    def reset(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)

    def rest(self) -> None:
        """Nothing to do: the allocator counts at no cost."""


@functools.cache
def allocator(device: str) -> Meter:
    """The meter of a CUDA device's memory in this process."""
    return Meter(CudaAllocator(device))


def limit_allocator(device: str, budget: int) -> None:
    """Make the allocator of this process refuse what goes over a budget on a device."""
    from .backend import pick_device

    pick_device(device)
    number = device.partition(":")[2]
    index = int(number) if number else torch.cuda.current_device()
    total = torch.cuda.get_device_properties(device).total_memory
    if budget > total:
        raise OutOfMemoryBudget(
            f"a budget of {format_bytes(budget)} on {device}, which has {format_bytes(total)}",
            f"Use {format_bytes(total)} or less.",
        )
    torch.cuda.set_per_process_memory_fraction(budget / total, index)
