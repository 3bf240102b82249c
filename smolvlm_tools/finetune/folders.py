"""Folders that appear whole or not at all, whatever is killed when."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from ..machine.full_disk import full_disk

_PART, _OLD = ".part", ".old"


@contextmanager
def written_whole(target: Path) -> Generator[Path]:
    """A new folder beside `target` that takes its place at the end of the block.

    Raises:
        StoreFull: the disk is full; what stood at `target` is still there.
        BadOptions: the folder may not be written.
    """
    part, old = (target.with_name(f".{target.name}{end}") for end in (_PART, _OLD))
    with full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target, part, old)
        try:
            part.mkdir()
            with _numbered():
                yield part
            if target.exists():
                target.rename(old)  # a folder cannot be put over one that is not empty
            part.rename(target)
        finally:
            _clear(target, part, old)


def _clear(target: Path, part: Path, old: Path) -> None:
    """Remove what is left beside `target`, or put it back where nothing took its place."""
    if old.exists() and not target.exists():
        old.rename(target)
    for leftover in (part, old):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _numbered() -> Generator[None]:
    """Safetensors tells of the system's errors in words of its own, with the number in them."""
    try:
        yield
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
