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
SHORT = 10_000
"""Characters of a grammar that any stack has room for: 400 members of an object, which is about as
many, compile within 128 KB; 2,000 overflow 512 KB."""

_starting = threading.Lock()


def on_deep_stack(make: Callable[[], Made], grammar: str) -> Made:
    """Call `make`, which compiles a grammar, where the stack is deep enough for it."""
    if len(grammar) <= SHORT:
        return make()
    with ThreadPoolExecutor(1, "smolvlm-compile") as pool:
        with _starting:  # the size is the whole process's, for threads that start now
            usual = threading.stack_size(STACK)
            try:
                made = pool.submit(make)
            finally:
                threading.stack_size(usual)
        return made.result()
