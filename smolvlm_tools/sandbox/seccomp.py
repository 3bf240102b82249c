"""seccomp: a process gives up system calls for good (Linux, man 2 seccomp).

What computing, memory, threads and descriptors that are open need is allowed; anything else, such
as sockets, programs, other processes and files to write, fails with EPERM. A filter is a program of
the classic BPF machine that sees a call's number and the lower halves of its arguments.

It is built here, as libseccomp is not installed everywhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .kernel import call
from .system_calls import AARCH64, X86_64

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in what a filter sees (struct seccomp_data), of a little-endian machine."""
_SET_FILTER, _ALL_THREADS = 1, 1
_X32 = 0x40000000
"""Calls from this number on are those of another interface, which nobody here uses."""

_THREAD = 0x10000  # CLONE_THREAD
_TO_WRITE = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND and the bit of O_TMPFILE."""
_HARMLESS_IOCTLS = (0x5401, 0x5421, 0x5450, 0x5451, 0x541B)
"""TCGETS, FIONBIO, FIONCLEX, FIOCLEX, FIONREAD."""
_NAMING = (15, 16)  # PR_SET_NAME, PR_GET_NAME


class _Condition(NamedTuple):
    """When a call is allowed: by the lower half of one of its arguments.

    Attributes:
        values: it is one of these; or, where `bit` says so, a mask.
        bit: it has one of the mask's bits (True), or none of them (False).
    """

    argument: int
    values: tuple[int, ...]
    bit: bool | None = None


class _Machine(NamedTuple):
    audit: int
    seccomp: int
    numbers: Mapping[str, int]


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 317, X86_64),
    "aarch64": _Machine(0xC00000B7, 277, AARCH64),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def allow_computing_only() -> bool:
    """Leave all threads of this process the calls that computing needs.

    `PR_SET_NO_NEW_PRIVS` has to be set.

    Returns:
        Whether it is so; False where there is no seccomp.

    Raises:
        OSError: the kernel refuses.
    """
    machine = _machine()
    if machine is None or not _kernel_filters(machine.seccomp):
        return False
    code = b"".join(_filter(machine, os.getpid()))
    program = _Program(len(code) // 8, code)
    if call(machine.seccomp, _SET_FILTER, _ALL_THREADS, program):
        raise OSError(errno.EPERM, "a thread has a filter of its own")
    return True


def _conditions(pid: int) -> dict[str, _Condition]:
    return {
        "clone": _Condition(0, (_THREAD,), bit=True),
        "open": _Condition(1, (_TO_WRITE,), bit=False),
        "openat": _Condition(2, (_TO_WRITE,), bit=False),
        "ioctl": _Condition(1, _HARMLESS_IOCTLS),
        "prctl": _Condition(0, _NAMING),
        "prlimit64": _Condition(0, (0, pid)),
        "kill": _Condition(0, (pid,)),
        "tkill": _Condition(0, (pid,)),
        "tgkill": _Condition(0, (pid,)),
    }


def _filter(machine: _Machine, pid: int) -> Iterator[bytes]:
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, machine.audit, 1, 0)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER)
    yield _step(_AT_LEAST, _X32, 0, 1)
    yield _step(_RETURN, _FAIL | errno.EPERM)
    conditions = _conditions(pid)
    for name, number in machine.numbers.items():
        if name == "clone3":  # its flags cannot be seen; who is told so uses clone
            verdict = [_step(_RETURN, _FAIL | errno.ENOSYS)]
        elif name in conditions:
            verdict = [*_decide(conditions[name])]
        else:
            verdict = [_step(_RETURN, _ALLOW)]
        yield _step(_EQUAL, number, 0, len(verdict))
        yield from verdict
    yield _step(_RETURN, _FAIL | errno.EPERM)


def _decide(condition: _Condition) -> Iterator[bytes]:
    yield _step(_LOAD, _ARGUMENTS + 8 * condition.argument)
    test = _EQUAL if condition.bit is None else _ANY_BIT
    last = len(condition.values)
    for at, value in enumerate(condition.values, 1):
        yield _step(test, value, last - at + 1, 0)  # to the last step
    when_not, when_so = _ALLOW, _FAIL | errno.EPERM
    if condition.bit is not False:
        when_not, when_so = when_so, when_not
    yield _step(_RETURN, when_not)
    yield _step(_RETURN, when_so)


def _step(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """An instruction (struct sock_filter)."""
    return struct.pack("=HBBI", code, if_so, if_not, value)


def _machine() -> _Machine | None:
    if sys.platform != "linux" or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        return None
    return _MACHINES.get(platform.machine())


def _kernel_filters(number: int) -> bool:
    """A filter that is no filter is refused with EFAULT where there are any."""
    try:
        call(number, _SET_FILTER, 0, None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False
