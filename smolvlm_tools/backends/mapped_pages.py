"""Takes a mapped file's pages out of this process's memory; knows nothing of who mapped it."""

from __future__ import annotations

import ctypes
from pathlib import Path

MAPS = Path("/proc/self/maps")
MADV_DONTNEED = 4
"""From <sys/mman.h>. Pages that were only read are read again from the file when touched."""


def forget_pages(file: Path) -> None:
    """Stop holding the pages of `file` where it is mapped, read-only, into this process.

    For runtimes that keep a file mapped after they have copied what they need of it. Does nothing
    where there is no /proc (Windows, macOS).
    """
    try:
        lines = MAPS.read_text().splitlines()
        madvise = ctypes.CDLL(None, use_errno=True).madvise
    except (OSError, AttributeError):
        return
    name = str(file.resolve())
    for line in lines:
        area, access, *_ = line.split()
        if line.endswith(f" {name}") and "w" not in access:
            first, last = (int(end, 16) for end in area.split("-"))
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), MADV_DONTNEED)
