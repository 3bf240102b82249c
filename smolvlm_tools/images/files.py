"""Reads a path: regular files only, inside the allowed folders."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import CorruptImage, ImageNotFound, InputError, PathNotAllowed
from .encodings import abbreviate
from .policy import ImagePolicy

_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer would block the open
)

_LONGEST = 4_096
"""Characters of a path, as many as Linux takes."""

_ROOTS_SHOWN = 3

_CHECK = "Check the path."


def read_file(path: str, policy: ImagePolicy) -> bytes:
    """Read a regular file of at most `policy.max_bytes` bytes.

    Kind, size and place are checked on the open descriptor, so swapping the path between check and
    read does not help. Outside the roots the error is the same whether or not a file exists.
    """
    name = abbreviate(path, 200)
    if len(path) > _LONGEST:  # each of its parts would be looked up
        raise ImageNotFound(f"no file at {name!r}, which has {len(path):,} characters", _CHECK)
    if "\0" in path:
        raise PathNotAllowed(f"{name!r} contains a NUL character", "Pass a plain file path.")
    allowed = policy.allowed_roots
    roots = None if allowed is None else [Path(os.path.realpath(root)) for root in allowed]
    try:
        path = _below_a_root(path, roots or ())
        _check_inside(os.path.realpath(path), roots, name)
        _check_kind(os.stat(path), name)  # opening a device can already act on it
        descriptor = os.open(path, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _check_kind(status, name)
            if roots is not None:
                _check_inside(_descriptor_path(descriptor, path), roots, name)
            # Files under /proc claim a size of 0 and are therefore never read.
            if status.st_size == 0:
                raise CorruptImage(f"{name!r} is empty", "Check whatever wrote the file.")
            if status.st_size > policy.max_bytes:
                raise policy.too_many_bytes(f"{name!r} has {status.st_size:,} bytes")
            data = file.read(policy.max_bytes + 1)
    except UnicodeEncodeError as error:  # half a character, which no file name holds
        raise ImageNotFound(f"no file at {name!r}", _CHECK) from error
    except OSError as error:
        raise _os_error(error, name) from error
    if len(data) > policy.max_bytes:
        raise policy.too_many_bytes(f"{name!r} grew while it was read")
    return data


def _check_inside(resolved: str, roots: list[Path] | None, name: str) -> None:
    if roots is not None and not _is_inside(resolved, roots):
        shown = [repr(abbreviate(str(root), 200)) for root in roots[:_ROOTS_SHOWN]]
        folders = " or ".join(shown) if roots else "an allowed folder (there is none)"
        raise PathNotAllowed(
            f"{name!r} is outside the allowed folders",
            f"Use a file inside {folders}, or allow its folder: "
            "policy=ImagePolicy.agent(roots=[…]).",
        )


def _below_a_root(path: str, roots: Sequence[Path]) -> str:
    """Where a relative path lies: below the working directory, else in the first root that has it.

    What it leads to is checked as any path is.
    """
    if os.path.isabs(path):
        return path
    candidates = (path, *(os.path.join(root, path) for root in roots))
    found = (each for each in candidates if os.path.lexists(each) and _is_inside(each, roots))
    return next(found, path)


def _is_inside(path: str, roots: Sequence[Path]) -> bool:
    # is_relative_to compares whole components: /img-evil is not inside /img.
    resolved = Path(os.path.realpath(path))
    return any(resolved.is_relative_to(root) for root in roots)


def _check_kind(status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise PathNotAllowed(f"{name!r} is a directory", "Name one image file inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise PathNotAllowed(
            f"{name!r} is not a regular file", "Pipes, sockets and devices are not read."
        )


def _descriptor_path(descriptor: int, path: str) -> str:
    """Where the open file really is, as far as the platform can tell."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    link = f"/proc/self/fd/{descriptor}"
    if os.path.islink(link):
        return os.readlink(link)
    resolved = os.path.realpath(path)
    if not os.path.samestat(os.stat(resolved), os.fstat(descriptor)):
        raise OSError(errno.EACCES, "the file was replaced while it was opened")
    return resolved


def _os_error(error: OSError, name: str) -> InputError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return ImageNotFound(f"no file at {name!r}", _CHECK)
    if error.errno in (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.ENODEV):
        return PathNotAllowed(f"{name!r} cannot be opened ({error.strerror})", "Check permissions.")
    return CorruptImage(f"{name!r} cannot be read ({error.strerror})", "Check the disk.")
