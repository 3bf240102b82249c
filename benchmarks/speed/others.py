"""How much of the processor other work took while something was measured."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

BUSY = 0.1
"""Share of the processor from which on a measurement is called disturbed."""


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """Processor seconds since the machine's start, of all CPUs.

    Attributes:
        total: that passed.
        idle: that nobody used.
        own: that this process and its ended children used.
    """

    total: float
    idle: float
    own: float

    @classmethod
    def now(cls) -> CpuSeconds:
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        counted = {"guest", "guest_nice"}  # in user and nice
        total = sum(value for name, value in times._asdict().items() if name not in counted)
        idle = times.idle + getattr(times, "iowait", 0.0)
        mine = own.user + own.system
        mine += getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
        return cls(total, idle, mine)

    def others_since(self, before: CpuSeconds) -> float:
        """The share that others took since then, other machines on the same host included."""
        total = self.total - before.total
        used = total - (self.idle - before.idle)
        return max(0.0, used - (self.own - before.own)) / total if total > 0 else 0.0
