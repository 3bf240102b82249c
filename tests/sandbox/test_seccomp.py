"""The filter of system calls, run as the kernel runs it, for machines that are not here too."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from smolvlm_tools.sandbox.seccomp import _MACHINES, _filter
from smolvlm_tools.sandbox.system_calls import AARCH64, X86_64

ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, NO_SUCH_CALL = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ME = 4321


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says to a call (linux/filter.h, linux/seccomp.h)."""
    known = _MACHINES[machine]
    six = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, known.audit if audit is None else audit, 0, *six)
    code = [*struct.iter_unpack("=HBBI", b"".join(_filter(known, ME)))]
    at = value = 0
    while True:
        kind, if_so, if_not, operand = code[at]
        at += 1
        if kind == 0x06:
            return operand
        if kind == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
            continue
        test = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
        at += if_so if test[kind] else if_not


EXECVE = {"x86_64": 59, "aarch64": 221}
SOCKET = {"x86_64": 41, "aarch64": 198}
RDONLY, WRONLY, RDWR, CREAT, TMPFILE, CLOEXEC = 0, 1, 2, 0o100, 0o20200000, 0o2000000


@pytest.mark.parametrize("machine", _MACHINES)
def test_what_the_filter_says(machine):
    calls = _MACHINES[machine].numbers

    def said(name, *arguments):
        return verdict(machine, calls[name], *arguments)

    for name in ("read", "write", "mmap", "futex", "recvmsg", "exit_group", "rt_sigreturn"):
        assert said(name, 3) == ALLOW
    for number in (EXECVE[machine], SOCKET[machine], 425, 437, 10_000):
        assert verdict(machine, number) == DENY
    assert said("openat", 0, 0, RDONLY | CLOEXEC) == ALLOW
    for flags in (WRONLY, RDWR, CREAT, TMPFILE | RDWR, 0o1000, 0o2000):
        assert said("openat", 0, 0, flags | CLOEXEC) == DENY
    assert said("clone", 0x3D0F00) == ALLOW
    assert said("clone", 0x1200011) == said("clone", 0x4111) == DENY
    assert said("clone3", 0, 88) == NO_SUCH_CALL
    assert said("kill", ME, 6) == said("tgkill", ME, 4400, 6) == said("prlimit64", 0, 0) == ALLOW
    assert said("kill", ME + 1, 6) == said("kill", 0, 6) == said("tgkill", 1, 1, 9) == DENY
    assert said("kill", 2**64 - 1, 9) == said("prlimit64", 1, 0) == DENY
    assert said("ioctl", 1, 0x5401) == ALLOW and said("ioctl", 0, 0x5412) == DENY
    assert said("prctl", 15) == ALLOW and said("prctl", 4, 1) == said("prctl", 22) == DENY


def test_other_interfaces_of_the_same_kernel():
    assert verdict("x86_64", 0x40000000) == verdict("x86_64", 0x40000000 + 59) == DENY
    assert verdict("x86_64", 3, audit=0x40000003) == KILL  # i386
    assert verdict("aarch64", 63, audit=0x40000028) == KILL  # arm


@pytest.mark.parametrize(
    ("numbers", "headers"),
    [
        (X86_64, ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h"]),
        (AARCH64, ["/usr/include/asm-generic/unistd.h"]),
    ],
    ids=_MACHINES,
)
def test_numbers_are_those_of_the_kernels_headers(numbers, headers):
    for header in map(Path, headers):
        if not header.exists():
            pytest.skip(f"{header} is not installed")
        pairs = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
        known = {name: int(number) for name, number in pairs}
        known.setdefault("newfstatat", known.get("fstatat", -1))
        later = {name for name in numbers if name not in known}
        assert later <= {"futex_waitv", "faccessat2", "rseq", "clone3"}, "headers may be older"
        assert {name: known[name] for name in numbers if name not in later} == {
            name: number for name, number in numbers.items() if name not in later
        }
    assert len(set(numbers.values())) == len(numbers)
