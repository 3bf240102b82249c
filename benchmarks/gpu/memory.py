"""A GPU's memory: what torch's allocator holds, what the driver counts, and how to use it up.

The two figures are never mixed: the allocator's bytes are tensors; the driver's are the whole
process, with the CUDA context, libraries and what the allocator keeps for later.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MIB = 1 << 20
ALIGNMENT = 512
"""Bytes that the allocator rounds a tensor up to."""

SMI_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class DriverReading:
    """What the driver says about this process's memory: bytes, or None where it says nothing."""

    bytes: int | None
    source: str  # where the figure is from, and what it includes


class CudaGpu:
    """One CUDA device. Make it before torch's first tensor: the driver's count begins there.

    Bytes are those of torch's tensors; peaks are since `reset`.
    """

    def __init__(self, device: str) -> None:
        self._used_before = smi_used_by_uuid()
        import torch

        self._torch: Any = torch
        self._index: int = torch.device(device).index or 0
        self._ballast: list[Any] = []

    def allocated(self) -> int:
        return self._torch.cuda.memory_allocated(self._index)

    def peak(self) -> int:
        return self._torch.cuda.max_memory_allocated(self._index)

    def reserved(self) -> int:
        """Most bytes that the allocator had from the driver."""
        return self._torch.cuda.max_memory_reserved(self._index)

    def reset(self) -> None:
        self._torch.cuda.init()
        self._torch.cuda.reset_peak_memory_stats(self._index)

    def refuses(self, size: int) -> bool:
        """Whether a tensor of so many bytes does not fit."""
        return self._take(size) is None

    def squeeze(self, room: int) -> None:
        """Leave only `room` bytes for new tensors, until `release`.

        The allocator may not grow, every gap is filled, and then `room` is allowed on top.
        """
        self._torch.cuda.empty_cache()
        self._limit(0)
        size = 64 * MIB
        while size >= ALIGNMENT:
            block = self._take(size)
            if block is None:
                size //= 2
            else:
                self._ballast.append(block)
        self._limit(room)

    def release(self) -> None:
        self._ballast.clear()
        self._torch.cuda.set_per_process_memory_fraction(1.0, self._index)
        self._torch.cuda.empty_cache()

    def driver(self) -> DriverReading:
        """What the driver counts for this process now, from the best source there is."""
        self._torch.cuda.synchronize(self._index)
        uuid = str(getattr(self._torch.cuda.get_device_properties(self._index), "uuid", ""))
        if found := smi_process(uuid):
            return found
        after = smi_used_by_uuid().get(uuid)
        before = self._used_before.get(uuid)
        if after is not None and before is not None:
            source = "nvidia-smi, growth of the whole device, other processes included"
            return DriverReading(after - before, source)
        free, total = self._torch.cuda.mem_get_info(self._index)
        source = "cudaMemGetInfo, all that is in use on the device, other processes included"
        return DriverReading(total - free, source)

    def _limit(self, room: int) -> None:
        cuda = self._torch.cuda
        total = cuda.get_device_properties(self._index).total_memory
        allowed = cuda.memory_reserved(self._index) + room
        cuda.set_per_process_memory_fraction(min(1.0, allowed / total), self._index)

    def _take(self, size: int) -> Any:
        try:
            return self._torch.empty(size, dtype=self._torch.uint8, device=f"cuda:{self._index}")
        except self._torch.OutOfMemoryError:
            return None


def smi_process(uuid: str) -> DriverReading | None:
    """This process by `nvidia-smi`; None where it does not list us."""
    rows = _ask_smi("--query-compute-apps=gpu_uuid,pid,used_memory")
    return find_process(
        [
            (int(pid), int(used) * MIB if used.isdigit() else None)
            for name, pid, used in rows
            if name.removeprefix("GPU-") == uuid and pid.isdigit()
        ]
    )


def find_process(listed: Sequence[tuple[int, int | None]]) -> DriverReading | None:
    """This process among (pid, bytes).

    In a container the driver may know it by another number; a single process must be this one.
    """
    own = [used for pid, used in listed if pid == os.getpid() and used]
    if own:
        return DriverReading(own[0], "nvidia-smi, this process")
    if len(listed) == 1 and listed[0][1]:
        return DriverReading(listed[0][1], "nvidia-smi, the only process on the device")
    return None


def smi_used_by_uuid() -> dict[str, int]:
    """Bytes in use on each device by any process, by its UUID; empty without `nvidia-smi`."""
    rows = _ask_smi("--query-gpu=uuid,memory.used")
    return {uuid.removeprefix("GPU-"): int(used) * MIB for uuid, used in rows if used.isdigit()}


def _ask_smi(query: str) -> list[list[str]]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=SMI_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    width = query.count(",") + 1
    rows = ([part.strip() for part in line.split(",")] for line in done.stdout.splitlines())
    return [row for row in rows if len(row) == width]
