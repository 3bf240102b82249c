"""Locks on folders, which the kernel lets go of when their process ends, however it ends.

The folder itself is what is locked (flock), so nothing has to be written into it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def lock_folder(folder: Path, *, wait: bool) -> int | None:
    """Take a folder's only lock; `os.close` of what is returned gives it back.

    Returns None if another process has it and `wait` is False.

    Raises:
        OSError: folders cannot be locked here (Windows, some network file systems).
    """
    if fcntl is None:
        raise OSError("folders cannot be locked on this system")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:  # Ctrl-C too, while it waits
        os.close(handle)
        raise
    return handle


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Keep other processes that ask for the same lock waiting, where folders can be locked."""
    try:
        handle = lock_folder(folder, wait=True)
    except OSError:
        handle = None
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)
