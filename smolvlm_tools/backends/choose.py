"""Which runtime runs a checkpoint; each is imported only when it is chosen."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys

from ..checkpoint import AdapterFiles, Checkpoint
from ..errors import BadOptions, ModelNotFound
from .base import AnyBackend
from .onnx.files import PRECISIONS as ONNX_PRECISIONS
from .onnx.files import available_precisions
from .onnx.plan import choose_plan, parse_precision
from .precision import Precision, is_mixed
from .torch.names import KINDS as TORCH_PRECISIONS
from .torch.names import OWN, parse_kinds

BACKENDS = ("auto", "onnx", "openvino", "torch")
PRECISIONS = ("auto", *dict.fromkeys((*TORCH_PRECISIONS, *ONNX_PRECISIONS)))
DEVICES = ("auto", "cpu", "cuda", "mps")


def load_backend(
    checkpoint: Checkpoint,
    backend: str = "auto",
    precision: Precision = "auto",
    device: str = "auto",
    threads: int | None = None,
    adapter: AdapterFiles | None = None,
) -> AnyBackend:
    """Load a checkpoint's weights into the runtime asked for.

    Args:
        checkpoint: an opened one.
        backend: one of `BACKENDS`.
        precision: one of `PRECISIONS`, or one for each component, as {"vision": "int8", "decoder":
            "q4"} or "vision=int8,decoder=q4": vision, embed and decoder of ONNX files, or vision,
            connector, decoder and lm_head of torch.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        threads: CPU threads; None leaves it to the runtime.
        adapter: a LoRA adapter to merge into the weights. Only torch can: "auto" is torch then.

    Raises:
        BadOptions: an unknown name, or a precision the backend does not have, or an adapter for a
            backend that cannot merge it.
        BackendUnavailable: the runtime is not installed or lacks the device.
        ModelNotFound: the checkpoint has no files for it.
        ModelInvalid: its files are damaged.
    """
    if adapter is not None:
        backend = backend_for_adapter(backend)
    check_names(backend, precision, device, threads)
    if backend == "auto":
        backend = choose_backend(checkpoint, precision, device)
    if backend == "torch":
        from .torch.backend import TorchBackend

        return TorchBackend.load(checkpoint, precision, device, threads, adapter)
    if backend == "openvino":
        from .openvino.backend import OpenVinoBackend

        return OpenVinoBackend.load(checkpoint, precision, device, threads)
    from .onnx.backend import OnnxBackend

    return OnnxBackend.load(checkpoint, precision, device, threads)


def backend_for_adapter(backend: str) -> str:
    """The backend that merges a LoRA adapter: torch, where the choice is left to us.

    Raises:
        BadOptions: another one was asked for.
    """
    if backend in ("auto", "torch"):
        return "torch"
    raise BadOptions(
        f"the {backend} backend cannot merge a LoRA adapter: its graphs hold the finished weights",
        "Use backend='torch', or run `smolvlm export CHECKPOINT --adapter ADAPTER --out DIR` and "
        "load DIR.",
    )


def choose_backend(checkpoint: Checkpoint, precision: Precision, device: str) -> str:
    """The installed backend that suits the device and whose files are there.

    Torch on an accelerator; on a CPU onnx, else torch. OpenVINO is for those who ask for it, so
    that installing it changes nothing by itself (docs/adr/0003 has the reasons).

    Raises:
        BadOptions: no such precision exists.
        ModelNotFound: none can run this checkpoint in this precision; it says what would help.
    """
    on_cpu = device == "cpu" or (device == "auto" and not has_accelerator())
    torch_runs = (
        installed("torch")
        and _torch_takes(precision, on_cpu)
        and any(name.endswith(".safetensors") for name in checkpoint.files)
    )
    onnx_runs = installed("onnxruntime") and _has_files(checkpoint, precision)
    if torch_runs and not on_cpu:
        return "torch"
    if onnx_runs and device != "mps":
        return "onnx"
    if torch_runs:
        return "torch"
    wanted = "" if precision == "auto" else f" in {precision}"
    present = available_precisions(checkpoint.files)
    have = f"; it has ONNX files in {', '.join(present)}" if present else ""
    raise ModelNotFound(
        f"no installed backend can run {checkpoint.id}{wanted}{have}",
        f"Run `smolvlm export {checkpoint.id} --out DIR` on a machine with "
        "`pip install 'smolvlm-tools[export]'`, or install 'smolvlm-tools[torch]' here.",
    )


def _has_files(checkpoint: Checkpoint, precision: Precision) -> bool:
    """Whether the checkpoint has the ONNX files of a precision."""
    if precision in TORCH_PRECISIONS and precision not in ONNX_PRECISIONS:
        return False
    try:
        parse_precision(precision)
    except BadOptions:
        parse_kinds(precision)  # then it is one of torch's
        return False
    try:
        choose_plan(checkpoint.files, precision, checkpoint.id)
    except ModelNotFound:
        return False
    return True


def _torch_takes(precision: Precision, on_cpu: bool) -> bool:
    """Whether the torch backend has a precision on a CPU or else on an accelerator."""
    try:
        kinds = parse_kinds(precision)
    except BadOptions:
        return False
    return on_cpu or not any(kind in OWN for kind in kinds.values())


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
    backend: str = "auto",
    precision: Precision = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Check what can be checked before any file is looked for.

    Raises:
        BadOptions: an unknown name, or a precision that the backend does not have.
    """
    _check("backend", backend, BACKENDS)
    mixed = is_mixed(precision)
    if mixed:
        _check_components(backend, precision)
    else:
        _check("precision", str(precision), PRECISIONS)
    kind, colon, number = str(device).partition(":")
    if colon and not (kind == "cuda" and number.isdecimal()):
        kind = device
    _check("device", kind, DEVICES)
    if threads is not None and not (str(threads).isdecimal() and int(threads) > 0):
        raise BadOptions(f"threads {threads!r} is not a number above 0", "Use 1 or more.")
    if mixed:
        return
    if backend == "torch" and precision not in ("auto", *TORCH_PRECISIONS):
        raise BadOptions(
            f"the torch backend has no precision {precision!r}",
            f"Use one of {', '.join(TORCH_PRECISIONS)}, or backend='onnx'.",
        )
    if backend in ("onnx", "openvino") and precision not in ("auto", *ONNX_PRECISIONS):
        raise BadOptions(
            f"the {backend} backend has no precision {precision!r}",
            f"Use one of {', '.join(ONNX_PRECISIONS)}, or backend='torch'.",
        )


def _check_components(backend: str, precision: Precision) -> None:
    """Check a precision for each component: of the backend's, or of either."""
    if backend == "torch":
        parse_kinds(precision)
        return
    try:
        parse_precision(precision)
    except BadOptions as error:
        if backend != "auto":
            raise
        try:
            parse_kinds(precision)
        except BadOptions:
            raise error from None


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadOptions(f"unknown {what} {value!r}", f"Use one of {', '.join(known)}.")
