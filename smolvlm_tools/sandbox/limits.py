"""How much one call may cost, and how a process limits itself to that."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

from ..errors import BadOptions

IDLE = 75
"""Exit code of a child that ended because nobody asked it anything."""

SLOW_SECONDS = 0.5
"""A call that takes longer makes way for others; most images and pages take less."""

NICE, SLOW_NICE = 5, 10
"""How far a child stands back behind what is being answered, and one whose call is slow.

On Linux a process at 5 gets a third of what one at 0 gets, at 10 a ninth: eight slow calls on two
cores take a third of them from an engine, and one call of two seconds still ends in its time.
"""

_LEAST_BYTES = 200_000_000
"""The child holds about 55 MB before it has been handed anything; 75 MB count against its limit."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one call may cost: decoding an image, opening a document, reading a page.

    Attributes:
        memory_bytes: of the child process, what it was handed included.
        seconds: by the clock, from when the child is asked; with a start, an error comes within 20.
        cpu_seconds: of processor time. It ends a child also where the parent cannot.
        open_files: descriptors.
        idle_seconds: a child that is not asked for so long ends, and another is started when it is
            needed; None keeps it.

    Raises:
        BadOptions: a limit that nothing could keep.
    """

    memory_bytes: int = 1_000_000_000
    seconds: float = 18.0
    cpu_seconds: int = 18
    open_files: int = 64
    idle_seconds: float | None = None

    def __post_init__(self) -> None:
        least = {"memory_bytes": _LEAST_BYTES, "cpu_seconds": 1, "open_files": 16}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise BadOptions(f"`{name}={getattr(self, name)}` is too low", f"Use {value:,} up.")
        for name in ("seconds", "idle_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BadOptions(f"`{name}={value}` is no time to wait", "Use a positive number.")


def limit_resources(limits: WorkerLimits) -> None:
    """Limit what this process takes, for good and as far as the system can."""
    if sys.platform == "win32":
        return
    import resource

    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, limits.memory_bytes),  # RLIMIT_AS would count mapped files too
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (lower, lower))
        except (ValueError, OSError):
            if sys.platform == "linux":  # elsewhere not every limit can be set
                raise


def allow_cpu(limits: WorkerLimits) -> None:
    """Let this process compute for `cpu_seconds` from now on."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(time.process_time()) + limits.cpu_seconds
    soft = until if hard == resource.RLIM_INFINITY else min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
