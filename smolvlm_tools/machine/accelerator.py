"""Whether this machine has a GPU that torch may use; asks the driver, so torch is not imported."""

from __future__ import annotations

import ctypes
import platform
import sys


def accelerator() -> str | None:
    """What torch calls its kind: "cuda" or "mps"; None where there is none."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else None
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    found = cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    return "cuda" if found and count.value > 0 else None
