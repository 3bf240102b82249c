"""How far a child stands back behind other processes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .limits import NICE


def set_priority(pid: int, nice: int) -> bool:
    """Have a child stand back so far; False where that is not allowed.

    A child has a session of its own. Linux shares the processor among sessions first where
    "autogroup" is on (man 7 sched), and there the nice value counts among a session's processes
    only: eight slow children would get eight times what all of their parent's session gets. So the
    session of a slow one stands back too.
    """
    if sys.platform == "win32":
        return True
    if sys.platform == "linux":
        with suppress(OSError):  # it is off, or /proc cannot be written to
            Path(f"/proc/{pid}/autogroup").write_text(str(nice if nice > NICE else 0))
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except OSError:
        return False
    return True
