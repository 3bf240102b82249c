"""Folders that appear whole or not at all, whatever is killed when."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_PART, _OLD = ".part", ".old"


@contextmanager
def written_whole(target: Path) -> Generator[Path]:
    """A new folder beside `target` that takes its place at the end of the block.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    part, old = (target.with_name(f".{target.name}{end}") for end in (_PART, _OLD))
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (part, old):
        shutil.rmtree(leftover, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        if target.exists():
            target.rename(old)  # a folder cannot be put over one that is not empty
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
