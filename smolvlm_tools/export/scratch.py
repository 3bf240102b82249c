"""The folder in which an export is made, inside the one that it is made for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..checkpoint.leftovers import SCRATCH, leftovers
from ..machine.folder_lock import held, lock_folder


@contextmanager
def scratch_folder(out: Path) -> Generator[Path]:
    """A scratch folder in `out`, removed at the end; before, those of killed exports are."""
    with held(out):  # so that nobody finds the new one before it is locked
        for path in leftovers(out):
            shutil.rmtree(path, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=out))
        try:
            handle = lock_folder(scratch, wait=True)
        except OSError:
            handle = None
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if handle is not None:
            os.close(handle)
