"""The one place where ONNX Runtime sessions are made."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ...errors import BackendUnavailable, BadOptions, ModelInvalid, ModelNotFound
from ...machine.mapped_pages import forget_pages, is_unwritten
from ...machine.stopping import check_stopped, stopping
from .external import check_external
from .files import data_file

logger = logging.getLogger(__name__)

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

FUSION_FAILURE = "Attempting to get index by a name which does not exist"
"""What ONNX Runtime says where its layer-norm fusion breaks a float16 graph: the hub's
`vision_encoder_q4f16.onnx` is such a one."""


TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"
"""Set to 1, it keeps ONNX Runtime from telling its makers, by the network, which machine ran what
(microsoft/onnxruntime#27379); it is read when the library is loaded."""


def runtime() -> Any:
    """The onnxruntime module, imported without its telemetry unless the user has set that."""
    os.environ.setdefault(TELEMETRY_OFF, "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            f"onnxruntime cannot be imported ({error})", "Run `pip install onnxruntime`."
        ) from error
    return onnxruntime


def runtime_errors() -> tuple[type[Exception], ...]:
    """Every exception type of ONNX Runtime; they share no base but Exception."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    found = [
        value
        for value in vars(state).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    return (*found, RuntimeError)


def provider_for(device: str) -> tuple[str, str]:
    """The device's name in full and its execution provider; "auto" is the CPU.

    Raises:
        BadOptions: no such device exists.
        BackendUnavailable: ONNX Runtime as installed cannot use it.
    """
    kind, _, index = ("cpu" if device == "auto" else device).partition(":")
    if kind not in (*PROVIDERS, "mps") or (index and not index.isdigit()):
        raise BadOptions(f"unknown device {device!r}", "Use auto, cpu, cuda or cuda:N.")
    available = runtime().get_available_providers()
    provider = PROVIDERS.get(kind)
    if provider is None or provider not in available:
        raise BackendUnavailable(
            f"ONNX Runtime as installed has no provider for {device} (it has "
            f"{', '.join(available)})",
            "Use device cpu, backend torch, or install a build of onnxruntime for that device.",
        )
    return ("cpu" if kind == "cpu" else f"{kind}:{index or 0}"), provider


def create_session(path: Path, device: str = "cpu", threads: int | None = None) -> Any:
    """Load the graph at `path`.

    Args:
        threads: of one operator; None leaves the choice to ONNX Runtime.

    Raises:
        ModelNotFound: there is no such file.
        ModelInvalid: it, or its data file, is damaged or outside the folder.
        BackendUnavailable: the device cannot be used.
    """
    onnxruntime = runtime()
    name, provider = provider_for(device)
    if not path.is_file():
        raise ModelNotFound(f"{path} does not exist", "Run `smolvlm export CHECKPOINT --out DIR`.")
    check_external(path)
    settings = {"device_id": name.partition(":")[2]} if provider != PROVIDERS["cpu"] else {}
    for optimise in (True, False):
        options = _options(onnxruntime, threads, optimise)
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=[(provider, settings)]
            )
        except runtime_errors() as error:
            if not (optimise and FUSION_FAILURE in str(error)):
                raise _invalid(onnxruntime, path, provider, error) from error
            logger.warning(
                "%s does not load with graph optimisations; loading it without", path.name
            )
        else:
            _forget_copied(path)
            return session
    raise AssertionError("the second attempt returns or raises")


def _forget_copied(path: Path) -> None:
    """Let go of the mapped weights: most were copied into a layout of ONNX Runtime's own.

    What is still needed is read again from the file.
    """
    data = data_file(path)
    if data.is_file() and is_unwritten(data):
        forget_pages(data, writable=True)


@contextmanager
def stoppable(options: Any) -> Generator[Any]:
    """Run options, of one run at a time, by which it ends once nobody wants what comes of it.

    ONNX Runtime looks at them before every operator.

    Raises:
        SmolVLMError: in place of what ONNX Runtime raises then; see `machine.stopping`.
    """

    def stop() -> None:
        options.terminate = True

    check_stopped()
    try:
        with stopping(stop):
            yield options
    except Exception:  # of whatever kind it has become: the reason of the end is known here
        check_stopped()
        raise
    finally:
        options.terminate = False


def releasing(device: str) -> Any:
    """Run options that give a run's working memory back: it is large where many rows are computed.

    ONNX Runtime otherwise keeps it for the next run, of the vision tower while the decoder needs
    its own, and of both for good.
    """
    options = runtime().RunOptions()
    if device == "cpu":
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _options(onnxruntime: Any, threads: int | None, optimise: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # failures arrive as exceptions: nothing for stderr
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def _invalid(onnxruntime: Any, path: Path, provider: str, error: Exception) -> ModelInvalid:
    return ModelInvalid(
        f"ONNX Runtime {onnxruntime.__version__} ({provider}) cannot load {path}: "
        f"{str(error).splitlines()[0][:300] if str(error) else type(error).__name__}",
        "Fetch or export the file again.",
    )
