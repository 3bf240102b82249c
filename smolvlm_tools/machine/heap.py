"""Returns freed heap memory to the system, where the C library is glibc."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

M_MMAP_THRESHOLD = -3
"""From <malloc.h>."""

LARGE = 1 << 20
"""Bytes from which a block gets its own pages: more than one step's logits, less than a tile."""


def trim_heap() -> None:
    """Return the free pages of the heap, including those between blocks in use.

    glibc keeps freed memory once large blocks such as images and tiles have come and gone;
    `malloc_trim` takes a few milliseconds. Does nothing with another C library.
    """
    trim = libc_function("malloc_trim")
    if trim is not None:
        trim(0)


def give_back_large_blocks() -> None:
    """Have the C library return every block of `LARGE` bytes or more as soon as it is freed.

    glibc otherwise raises that bound, up to 32 MB, to the largest block it has seen freed, and
    then keeps twice as much at the top of the heap: 30 to 50 MB that are unused unless a later
    stage happens to need them. Applies to the whole process from now on.
    """
    adjust = libc_function("mallopt")
    if adjust is not None:
        adjust(M_MMAP_THRESHOLD, LARGE)


@functools.cache
def libc_function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it lacks it."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows refuses None
        return None
