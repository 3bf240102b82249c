"""Landlock: a process gives up files, TCP and signals for good (Linux 5.13 up, man 7 landlock).

The system calls are made here rather than by a package, so that strangers' files are harmless on
every Linux that can do so, not only where an extra is installed.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable

from .kernel import call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on every architecture."""

_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""What a process may do with files, by the version of the interface that can take it away."""
_TCP, _TCP_SINCE = 0b11, 4
"""Binding and connecting."""
_SCOPES, _SCOPES_SINCE = 0b11, 6
"""Reaching the abstract UNIX sockets and signalling the processes of others."""


def version() -> int:
    """Of the kernel's interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return call(CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def read_only(paths: Iterable[str]) -> int:
    """Leave this thread, and those it starts, nothing but reading in these files and folders.

    Descriptors that are open stay as they are. `PR_SET_NO_NEW_PRIVS` has to be set.

    Returns:
        The version of the kernel's interface: 0 if there is none, and nothing has changed.

    Raises:
        OSError: the kernel refuses.
    """
    known = version()
    if not known:
        return 0
    files = sum(rights for since, rights in _RIGHTS.items() if since <= known)
    tcp = _TCP if known >= _TCP_SINCE else 0
    scopes = _SCOPES if known >= _SCOPES_SINCE else 0
    ruleset = struct.pack("=QQQ", files, tcp, scopes)
    size = 24 if scopes else 16 if tcp else 8  # older kernels know the first fields only
    fd = call(CREATE_RULESET, ruleset, size, 0)
    try:
        for path in paths:
            _allow(fd, path)
        call(RESTRICT_SELF, fd, 0)
    finally:
        os.close(fd)
    return known


def _allow(ruleset: int, path: str) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, so there is nothing to read
    try:
        rights = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE
        call(ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, folder), 0)
    finally:
        os.close(folder)
