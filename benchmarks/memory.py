"""Peak memory of this process, from Linux's /proc.

`ru_maxrss` is of no use here: a child's starts at its parent's.
"""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def peak_bytes() -> int | None:
    """Highest resident set since the start or the last reset (VmHWM); None where unknown."""
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def reset_peak() -> bool:
    """Set the peak back to what is resident now; False where the kernel does not let us."""
    try:
        CLEAR_REFS.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
