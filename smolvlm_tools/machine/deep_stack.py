"""Runs what recurses deeply on a thread whose stack is deep enough.

llguidance compiles grammars recursively in native code, where a full stack kills the process.
Stacks are as small as 1 MB on some systems, and a caller's may be nearly used up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")

STACK = 64 << 20
"""Bytes; only those that are used take memory."""

_starting = threading.Lock()


def on_deep_stack(make: Callable[[], Made]) -> Made:
    """Call `make` on a thread of its own and return, or raise, what it does."""
    with ThreadPoolExecutor(1, "smolvlm-compile") as pool:
        with _starting:  # the size is the whole process's, for threads that start now
            usual = threading.stack_size(STACK)
            try:
                made = pool.submit(make)
            finally:
                threading.stack_size(usual)
        return made.result()
