"""What this machine's CPU multiplies quickly; knows nothing of runtimes."""

from __future__ import annotations

import functools
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INTEGER_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def has_int8_products() -> bool:
    """Whether the CPU sums 8-bit products in one instruction (VNNI, AMX); False where unknown."""
    return bool(INTEGER_PRODUCTS & cpu_flags(CPUINFO))


def has_amx() -> bool:
    """Whether the CPU multiplies bf16 matrices in tiles; False where unknown."""
    return "amx_bf16" in cpu_flags(CPUINFO)


@functools.cache
def cpu_flags(path: Path) -> frozenset[str]:
    """Flags of the first CPU in a Linux `cpuinfo`; empty elsewhere."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return frozenset(next(found, "").split())
