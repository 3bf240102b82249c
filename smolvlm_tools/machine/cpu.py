"""Which instructions this CPU has for products of small numbers.

Code that depends on them takes a `CpuFeatures`, so that a test can pass any CPU.
"""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INT8_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
BF16_PRODUCTS = frozenset({"avx512_bf16", "amx_bf16"})
TELLING = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
"""Flags on which it depends how quickly models run."""

X86 = frozenset({"x86_64", "amd64", "i386", "i686"})


@dataclass(frozen=True, slots=True)
class CpuFeatures:
    """The instruction sets of one CPU."""

    machine: str = "x86_64"
    """Its architecture, as `platform.machine` gives it."""
    flags: frozenset[str] = frozenset()
    """As Linux names them; empty on other systems, which then count as having none."""

    @property
    def int8_products(self) -> bool:
        """Sums 8-bit products in 32 bits, in one instruction (VNNI, AMX)."""
        return bool(INT8_PRODUCTS & self.flags)

    @property
    def saturates_int8(self) -> bool:
        """Sums pairs of 8-bit products in 16 bits, where large ones saturate: x86 without VNNI."""
        return self.machine.lower() in X86 and not self.int8_products

    @property
    def bf16_products(self) -> bool:
        """Multiplies bfloat16; other CPUs emulate it, several times slower than float32."""
        return bool(BF16_PRODUCTS & self.flags)

    @property
    def amx(self) -> bool:
        """Multiplies bfloat16 matrices in tiles."""
        return "amx_bf16" in self.flags

    @property
    def kind(self) -> str:
        """What tells CPUs of one name apart, as "avx2 avx512f avx512_vnni"."""
        return " ".join(name for name in TELLING if name in self.flags) or self.machine

    @property
    def vectors_of_512_bits(self) -> bool:
        """Has the parts of AVX-512 that torch and oneDNN require."""
        return {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= self.flags


def this_cpu() -> CpuFeatures:
    """The CPU of this machine."""
    return CpuFeatures(platform.machine(), cpu_flags(CPUINFO))


def cpu_name() -> str:
    """What this machine's CPU is called."""
    return _first(CPUINFO, "model name") or platform.processor() or platform.machine()


@functools.cache
def cpu_flags(path: Path) -> frozenset[str]:
    """Flags of the first CPU in a Linux `cpuinfo`; empty where there is no such file."""
    return frozenset(_first(path, "flags").split())


def _first(path: Path, name: str) -> str:
    """The first value of that name in a Linux `cpuinfo`; "" where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, "")
