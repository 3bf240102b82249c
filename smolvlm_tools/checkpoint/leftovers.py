"""Folders that an export which was killed left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..machine.folder_lock import lock_folder

SCRATCH = ".export-"
"""How the names of an export's scratch folders begin; each is locked by its process."""

_DAY = 86_400.0


def leftovers(folder: Path) -> list[Path]:
    """Scratch folders whose process has ended, sorted.

    Where folders cannot be locked, those that nobody has written to for a day.
    """
    try:
        found = sorted(folder.glob(f"{SCRATCH}*"))
    except OSError:
        return []
    return [path for path in found if path.is_dir() and not path.is_symlink() and _left(path)]


def _left(path: Path) -> bool:
    try:
        handle = lock_folder(path, wait=False)
    except OSError:
        return _age(path) > _DAY
    if handle is None:
        return False
    os.close(handle)
    return True


def _age(path: Path) -> float:
    """Seconds since something was made in a folder or the one below."""
    try:
        times = [each.stat().st_mtime for each in (path, *path.iterdir())]
    except OSError:
        return 0.0
    return time.time() - max(times)
