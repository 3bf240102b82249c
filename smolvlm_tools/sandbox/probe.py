"""A service that tries what a child must not be able to do, and says what it could.

Whatever succeeds does no harm: it reads a byte, makes an empty file that it removes, connects to a
port that the parent listens on, starts a process that ends at once.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .confinement import confinement
from .messages import Message


def open_in_child(header: dict[str, Any], data: bytes) -> Tried:
    """Try everything; see `services`."""
    return Tried(header["memory_bytes"], header["port"])


class Tried:
    """What was tried: `facts` says of each whether it could be done."""

    def __init__(self, memory_bytes: int, port: int) -> None:
        self.facts: dict[str, Any] = {
            "memory": _can(lambda: _take_memory(memory_bytes)),
            "cpu": _is_unlimited("RLIMIT_CPU"),
            "files": _can(_read_file),
            "writes": _can(_write_file),
            "network": _can(lambda: _connect(port)) or _can(_send_datagrams),
            "programs": _can(_start_process) or _can_execute(),
            "core_dumps": _is_unlimited("RLIMIT_CORE"),
            "confined": asdict(confinement()),
        }

    def answer(self, header: dict[str, Any], memory: memoryview | None) -> Message:
        return {}, []

    def close(self) -> None:
        """There is nothing to close."""


def _can(do: Callable[[], object]) -> bool:
    try:
        do()
    except (OSError, MemoryError):
        return False
    return True


def _take_memory(nbytes: int) -> None:
    if sys.platform == "win32":
        mmap.mmap(-1, nbytes).close()
    else:
        mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def _read_file() -> None:
    with open(sys.executable, "rb") as file:
        file.read(1)


def _write_file() -> None:
    path = os.path.join(tempfile.gettempdir(), f"smolvlm-probe-{os.getpid()}")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)


def _connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 1):
        pass


def _send_datagrams() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", 9))  # sends nothing yet


def _start_process() -> None:
    if sys.platform == "win32":
        os.waitpid(os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""]), 0)
        return
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _can_execute() -> bool:
    """A program that is not there: who may start none is told so before anybody looks for it."""
    try:
        os.execv(os.path.join(os.path.dirname(sys.executable), "no-such-program"), ["none"])
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.EACCES)


def _is_unlimited(name: str) -> bool:
    if sys.platform == "win32":
        return True
    import resource

    soft = resource.getrlimit(getattr(resource, name))[0]
    return soft == resource.RLIM_INFINITY or (name == "RLIMIT_CORE" and soft > 0)
