"""System calls that Python has no function for, through ctypes. Linux only."""

from __future__ import annotations

import ctypes
import os

_NO_NEW_PRIVILEGES = 38


def call(number: int, *arguments: int | bytes | ctypes.Structure | None) -> int:
    """Make a system call; structures are passed by their address, bytes too.

    Raises:
        OSError: it fails.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *map(_as_argument, arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)


def give_up_privileges() -> None:
    """Gain no more by starting programs, for good; whoever restricts itself has to.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _as_argument(value: object) -> object:
    if isinstance(value, int):
        return ctypes.c_long(value)
    return ctypes.byref(value) if isinstance(value, ctypes.Structure) else value
