"""File systems that fill up; only root may mount them, so elsewhere the tests skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: str) -> Generator[Path]:
    """A file system in a new folder, of a size such as "256k"."""
    place.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: Path, left: int) -> None:
    """Take all of a disk but so many bytes."""
    room = os.statvfs(place)
    (place / "ballast").write_bytes(b"x" * (room.f_bavail * room.f_frsize - left))


def make_room(place: Path) -> None:
    (place / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", str(place)], check=True)
