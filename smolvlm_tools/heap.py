"""Gives freed heap memory back to the system; knows the C library, nothing of models."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def trim_heap() -> None:
    """Return the free pages of the heap, also those between blocks in use.

    glibc keeps what was freed once it has seen large blocks come and go, as those of images and
    tiles do; `malloc_trim` costs a few milliseconds. Does nothing with another C library.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows refuses None
        return None
