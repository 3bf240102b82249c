"""Which backend runs a checkpoint; each is imported only when it is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from ..checkpoint import AdapterFiles, Checkpoint
from ..errors import BadOptions, ModelNotFound
from .base import AnyBackend
from .onnx.files import available_precisions
from .precision import Precision, is_mixed
from .registry import SPECS, spec_of
from .tuning.kept import find as find_tuning
from .tuning.speeds import Place, Speed, rank_speeds

DEVICES = ("auto", "cpu", "cuda", "mps")


def precisions() -> tuple[str, ...]:
    """All names of precisions, "auto" first."""
    return ("auto", *dict.fromkeys(name for spec in SPECS.values() for name in spec.precisions))


def load_backend(
    checkpoint: Checkpoint,
    backend: str = "auto",
    precision: Precision = "auto",
    device: str = "auto",
    threads: int | None = None,
    adapter: AdapterFiles | None = None,
) -> AnyBackend:
    """Load a checkpoint's weights into the backend asked for.

    Args:
        checkpoint: an opened one.
        backend: "auto" or a name of `registry.SPECS`.
        precision: one of `precisions()`, or one for each component, as {"vision": "int8",
            "decoder": "q4"} or "vision=int8,decoder=q4": vision, embed and decoder of ONNX files,
            or vision, connector, decoder and lm_head of torch.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        threads: CPU threads; None leaves it to the backend.
        adapter: a LoRA adapter to merge into the weights; only some backends can.

    Raises:
        BadOptions: an unknown name, or a precision the backend does not have, or an adapter for a
            backend that cannot merge it.
        BackendUnavailable: the backend's library is not installed or lacks the device.
        ModelNotFound: the checkpoint has no files for it.
        ModelInvalid: its files are damaged.
    """
    if adapter is not None:
        backend = backend_for_adapter(backend)
    check_names(backend, precision, device, threads)
    if backend == "auto":
        backend = choose_backend(checkpoint, precision, device, threads)
    more = {} if adapter is None else {"adapter": adapter}
    return spec_of(backend).loader()(checkpoint, precision, device, threads, **more)


def backend_for_adapter(backend: str) -> str:
    """The backend that merges a LoRA adapter: the one named, or under "auto" one that can.

    Raises:
        BadOptions: the one named cannot.
    """
    able = [name for name, spec in SPECS.items() if spec.merges_adapters]
    if backend == "auto":
        return able[0]
    if backend in able:
        return backend
    raise BadOptions(
        f"the {backend} backend cannot merge a LoRA adapter: its graphs hold the finished weights",
        f"Use `backend={able[0]!r}`, or run `smolvlm export CHECKPOINT --adapter ADAPTER --out "
        "DIR` and load DIR.",
    )


def choose_backend(
    checkpoint: Checkpoint, precision: Precision, device: str, threads: int | None = None
) -> str:
    """What backend "auto" is: the first of `rank_backends`."""
    return rank_backends(checkpoint, precision, device, threads)[0]


def rank_backends(
    checkpoint: Checkpoint, precision: Precision, device: str, threads: int | None = None
) -> list[str]:
    """The backends that "auto" may become, the best first.

    On a CPU those that `tune_model` measured on this machine, the quickest first; and then the one
    that is quickest on most: torch on an accelerator, on a CPU onnx, else torch (docs/adr/0003 has
    the reasons).

    Raises:
        ModelNotFound: none can run this checkpoint in this precision; it says what would help.
    """
    check_names(precision=precision)
    able = [
        name
        for name, spec in SPECS.items()
        if not spec.missing and spec.can_run(checkpoint, precision, device)
    ]
    ranks = {name: rank for name in able if (rank := SPECS[name].auto_rank(device)) is not None}
    default = min(ranks, key=lambda name: ranks[name], default=None)
    speeds = rank_speeds(_speeds(able, checkpoint, precision, device, threads), default)
    found = [speed.backend for speed in speeds]
    if default and default not in found:
        found.append(default)
    if found:
        return found
    wanted = "" if precision == "auto" else f" in {precision}"
    present = available_precisions(checkpoint.files)
    have = f"; it has ONNX files in {', '.join(present)}" if present else ""
    raise ModelNotFound(
        f"no installed backend can run {checkpoint.id}{wanted}{have}",
        f"Run `smolvlm export {checkpoint.id} --out DIR` on a machine with "
        "`pip install 'smolvlm-tools[export]'`, or install 'smolvlm-tools[torch]' here.",
    )


def _speeds(
    able: Sequence[str],
    checkpoint: Checkpoint,
    precision: Precision,
    device: str,
    threads: int | None,
) -> list[Speed]:
    """Of those that were measured here in this precision."""
    on_cpu = all(SPECS[name].default_device() == "cpu" for name in able)
    if not (device == "cpu" or (device == "auto" and on_cpu)):
        return []
    tuning = find_tuning(Place.here(checkpoint, threads))
    if tuning is None:
        return []
    setups = {name: next(iter(SPECS[name].setups(checkpoint, precision, "cpu"))) for name in able}
    found = [
        tuning.find(name, SPECS[name].describe(setup.precision)) for name, setup in setups.items()
    ]
    return [speed for speed in found if speed]


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
    spec = None if backend == "auto" else spec_of(backend)
    if is_mixed(precision):
        _check_components(backend, precision)
    else:
        _check("precision", str(precision), precisions())
        if spec and precision not in ("auto", *spec.precisions):
            able = next(name for name, other in SPECS.items() if precision in other.precisions)
            raise BadOptions(
                f"the {backend} backend has no precision {precision!r}",
                f"Use one of {', '.join(spec.precisions)}, or `backend={able!r}`.",
            )
    kind, colon, number = str(device).partition(":")
    if colon and not (kind == "cuda" and number.isdecimal()):
        kind = device
    _check("device", kind, DEVICES)
    if threads is not None and not (str(threads).isdecimal() and int(threads) > 0):
        raise BadOptions(f"threads {threads!r} is not a number above 0", "Use 1 or more.")


def _check_components(backend: str, precision: Precision) -> None:
    """Check a precision for each component: it has to be one of the backend's, or of any."""
    if backend != "auto":
        spec_of(backend).check_precision(precision)
        return
    refusals: list[BadOptions] = []
    for spec in SPECS.values():
        try:
            spec.check_precision(precision)
        except BadOptions as error:
            refusals.append(error)
        else:
            return
    raise refusals[0]


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadOptions(f"unknown {what} {value!r}", f"Use one of {', '.join(known)}.")
