"""The machine and the packages of a run."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.speed.calls import cores

PACKAGES = "onnxruntime openvino torch transformers xllamacpp numpy pillow tokenizers".split()
CPU_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def machine_facts() -> dict[str, Any]:
    """CPU, cores and versions, as JSON values."""
    info = _cpuinfo()
    installed = {each.name.lower(): each.version for each in metadata.distributions()}
    flags = set(info.get("flags", "").split())
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "cpu_flags": [flag for flag in CPU_FLAGS if flag in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: installed[name] for name in PACKAGES if name in installed},
    }


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
