"""Takes the pages of a mapped file out of this process's memory."""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path

MAPS = Path("/proc/self/maps")
DETAILS = Path("/proc/self/smaps")
MADV_DONTNEED = 4
"""From <sys/mman.h>. Pages that were only read are read again from the file when touched."""


def forget_pages(file: Path, *, writable: bool = False) -> None:
    """Drop the pages of `file` wherever it is mapped into this process.

    For runtimes that keep a file mapped after they have copied what they need. Does nothing where
    there is no /proc (Windows, macOS). `writable` also drops private copies that the runtime could
    write to. It must not have done so, or what it wrote is lost: see `is_unwritten`.
    """
    try:
        lines = MAPS.read_text().splitlines()
    except OSError:
        return
    name = str(file.resolve())
    for line in lines:
        area, access, *_ = line.split()
        if line.endswith(f" {name}") and (writable or "w" not in access):
            first, last = (int(end, 16) for end in area.split("-"))
            forget_range(first, last - first)


def is_unwritten(file: Path) -> bool:
    """Whether no page of a mapped `file` was replaced by a private copy; False if unknown."""
    try:
        lines = DETAILS.read_text().splitlines()
    except OSError:
        return False
    name, inside = str(file.resolve()), False
    for line in lines:
        if line[0] in "0123456789abcdef":  # "7f00-7f01 rw-p ... NAME"; details begin with capitals
            inside = line.endswith(f" {name}")
        elif inside and line.startswith("Anonymous:") and int(line.split()[1]):
            return False
    return True


def forget_range(address: int, size: int) -> None:
    """Drop the pages of a mapped file from `address` on, which must never have been written to.

    Does nothing where there is no `madvise` (Windows).
    """
    try:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
    except (OSError, AttributeError, TypeError):  # Windows refuses None
        return
    first = address - address % mmap.PAGESIZE
    madvise(ctypes.c_void_p(first), ctypes.c_size_t(address + size - first), MADV_DONTNEED)
