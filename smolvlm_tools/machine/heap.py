"""Gives freed heap memory back to the system; knows the C library, nothing of models."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

M_MMAP_THRESHOLD = -3
"""From <malloc.h>."""

LARGE = 1 << 20
"""Bytes from which a block gets pages of its own: above a decode step's logits, below a tile."""


def trim_heap() -> None:
    """Return the free pages of the heap, also those between blocks in use.

    glibc keeps what was freed once it has seen large blocks come and go, as those of images and
    tiles do; `malloc_trim` costs a few milliseconds. Does nothing with another C library.
    """
    trim = _malloc_function("malloc_trim")
    if trim is not None:
        trim(0)


def give_back_large_blocks() -> None:
    """Have the C library return every block of `LARGE` bytes or more as soon as it is freed.

    glibc otherwise raises that bound, up to 32 MB, to the largest block it has seen freed, and
    then keeps twice as much at the top of the heap: 30 to 50 MB that nobody uses, which a later
    stage may or may not reuse. Holds for the whole process, from now on.
    """
    adjust = _malloc_function("mallopt")
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, LARGE)


@functools.cache
def _malloc_function(name: str) -> Callable[..., int] | None:
    """A function that only glibc has."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows refuses None
        return None
