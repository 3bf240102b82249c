"""CPUs to hand in where behaviour depends on what the CPU can do; any machine can test them all."""

from __future__ import annotations

from smolvlm_tools.machine.cpu import CpuFeatures, this_cpu

AVX2 = CpuFeatures("x86_64", frozenset({"avx2", "fma"}))
VNNI = CpuFeatures("x86_64", AVX2.flags | {"avx_vnni"})
AVX512 = CpuFeatures("x86_64", AVX2.flags | {"avx512f", "avx512bw", "avx512vl", "avx512dq"})
AVX512_BF16 = CpuFeatures("x86_64", AVX512.flags | {"avx512_vnni", "avx512_bf16"})
AMX = CpuFeatures("x86_64", AVX512_BF16.flags | {"amx_tile", "amx_bf16", "amx_int8"})
ARM = CpuFeatures("aarch64")

_EXACT = this_cpu().flags & {"avx512_vnni", "avx_vnni"} and "avx512_bf16" in this_cpu().flags
SAME = 1e-4 if _EXACT else 5e-3
"""How far probabilities of the same reply may differ when it is computed beside others.

On CPUs without VNNI, int8 products of several rows are rounded otherwise than those of one, on CPUs
without bfloat16 those of torch.
"""

BOTH = {"avx2": AVX2, "avx512-vnni-bf16": AVX512_BF16}
"""Those that most machines are like; by the name `pytest --cpu` takes."""


def this_cpu_without(*flags: str) -> CpuFeatures:
    """This machine's CPU as if it lacked some instruction sets."""
    cpu = this_cpu()
    return CpuFeatures(cpu.machine, cpu.flags - set(flags))


def cpuinfo(cpu: CpuFeatures) -> str:
    """What Linux would say of two such CPUs in /proc/cpuinfo."""
    flags = " ".join(sorted(cpu.flags))
    return "".join(f"processor\t: {n}\nflags\t\t: {flags}\n\n" for n in range(2))
