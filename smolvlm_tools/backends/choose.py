"""Which runtime runs a checkpoint; each is imported only when it is chosen."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys

from ..checkpoint import Checkpoint
from ..errors import BadOptions, ModelNotFound
from .base import AnyBackend
from .onnx_files import PRECISIONS as ONNX_PRECISIONS
from .onnx_files import available_precisions

TORCH_PRECISIONS = ("fp32", "bf16", "fp16")
BACKENDS = ("auto", "onnx", "torch")
PRECISIONS = ("auto", *dict.fromkeys((*TORCH_PRECISIONS, *ONNX_PRECISIONS)))
DEVICES = ("auto", "cpu", "cuda", "mps")


def load_backend(
    checkpoint: Checkpoint,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> AnyBackend:
    """Load a checkpoint's weights into the runtime asked for.

    Raises:
        BadOptions: an unknown name, or a precision the backend does not have.
        BackendUnavailable: the runtime is not installed or lacks the device.
        ModelNotFound: the checkpoint has no files for it.
        ModelInvalid: its files are damaged.
    """
    check_names(backend, precision, device, threads)
    if backend == "auto":
        backend = choose_backend(checkpoint, precision, device)
    if backend == "torch":
        from .torch_backend import TorchBackend

        return TorchBackend.load(checkpoint, precision, device, threads)
    from .onnx_backend import OnnxBackend

    return OnnxBackend.load(checkpoint, precision, device, threads)


def choose_backend(checkpoint: Checkpoint, precision: str, device: str) -> str:
    """The fastest installed backend whose files are there.

    Torch on an accelerator; on a CPU onnx (see docs/adr for the measurements), else torch.

    Raises:
        ModelNotFound: neither can run this checkpoint in this precision; it says what would help.
    """
    torch_runs = (
        installed("torch", "transformers")
        and precision in ("auto", *TORCH_PRECISIONS)
        and any(name.endswith(".safetensors") for name in checkpoint.files)
    )
    present = available_precisions(checkpoint.files)
    onnx_runs = installed("onnxruntime") and (
        bool(present) if precision == "auto" else precision in present
    )
    on_cpu = device == "cpu" or (device == "auto" and not has_accelerator())
    if torch_runs and not on_cpu:
        return "torch"
    if onnx_runs and device != "mps":
        return "onnx"
    if torch_runs:
        return "torch"
    wanted = "" if precision == "auto" else f" in {precision}"
    have = f"; it has ONNX files in {', '.join(present)}" if present else ""
    raise ModelNotFound(
        f"no installed backend can run {checkpoint.id}{wanted}{have}",
        f"Run `smolvlm export {checkpoint.id} --out DIR` on a machine with "
        "`pip install 'smolvlm-tools[export]'`, or install 'smolvlm-tools[torch]' here.",
    )


def installed(*modules: str) -> bool:
    """Whether modules can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def has_accelerator() -> bool:
    """Whether this machine has a GPU that torch may use, without importing torch."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    found = cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    return found and count.value > 0


def check_names(
    backend: str = "auto", precision: str = "auto", device: str = "auto", threads: int | None = None
) -> None:
    """Check what can be checked before any file is looked for.

    Raises:
        BadOptions: an unknown name, or a precision that the backend does not have.
    """
    _check("backend", backend, BACKENDS)
    _check("precision", precision, PRECISIONS)
    kind, colon, number = str(device).partition(":")
    if colon and not (kind == "cuda" and number.isdecimal()):
        kind = device
    _check("device", kind, DEVICES)
    if threads is not None and not (str(threads).isdecimal() and int(threads) > 0):
        raise BadOptions(f"threads {threads!r} is not a number above 0", "Use 1 or more.")
    if backend == "torch" and precision not in ("auto", *TORCH_PRECISIONS):
        raise BadOptions(
            f"the torch backend has no precision {precision!r}",
            f"Use one of {', '.join(TORCH_PRECISIONS)}, or backend='onnx'.",
        )
    if backend == "onnx" and precision == "bf16":
        raise BadOptions(
            "the onnx backend has no precision 'bf16'",
            f"Use one of {', '.join(ONNX_PRECISIONS)}, or backend='torch'.",
        )


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadOptions(f"unknown {what} {value!r}", f"Use one of {', '.join(known)}.")
