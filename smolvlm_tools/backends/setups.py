"""The ways of running a checkpoint that were allowed, the best first; imports no runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from ..checkpoint import Checkpoint
from ..machine.cpu import this_cpu
from .choose import has_accelerator, installed
from .footprint import Setup
from .onnx.files import PARTS, component_file
from .onnx.footprint import INLINE_LIMIT
from .onnx.plan import choose_plan, int8_vision_is_exact, is_own_export, parse_precision
from .precision import Precision
from .torch.names import defaults
from .torch.saved import agreed_kinds, read_config, saved_kinds

SMALLER_FILES = (("decoder", "q4"), ("embed", "int8"), ("vision", "q4"))
"""What "auto" may become under a memory budget in the ONNX files, one after the other: what costs
the least quality for its bytes first."""

SMALLER_KINDS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("int8", "q4"),
    "cuda": ("bnb-int8", "bnb-nf4"),
}
"""The same for torch, by device."""


def device_for(backend: str, device: str) -> str:
    """The device that "auto" stands for, as far as it can be told without the runtime."""
    if device != "auto":
        return device
    if backend != "torch" or not has_accelerator():
        return "cpu"
    return "mps" if sys.platform == "darwin" else "cuda"


def possible_setups(
    checkpoint: Checkpoint, backend: str, precision: Precision, device: str
) -> list[Setup]:
    """The setup that is asked for; where "auto" is, smaller ones after it.

    Args:
        checkpoint: an opened one.
        backend: "onnx", "openvino" or "torch".
        precision: see `precision_names`.
        device: no longer "auto"; see `device_for`.

    Raises:
        BadOptions: no such precision or component.
        ModelNotFound: the checkpoint does not have it.
    """
    if backend == "torch":
        kinds = _torch_precisions(checkpoint, precision, device)
        return [Setup(checkpoint.config, backend, device, found) for found in kinds]
    return [
        Setup(checkpoint.config, backend, device, plan, not _is_own(checkpoint, plan))
        for plan in _onnx_precisions(checkpoint, precision)
    ]


def _torch_precisions(
    checkpoint: Checkpoint, precision: Precision, device: str
) -> Iterator[Mapping[str, str]]:
    kind = device.partition(":")[0]
    saved = saved_kinds(read_config(checkpoint.folder))
    yield agreed_kinds(precision, saved, "fp16" if kind == "mps" else "bf16")
    if precision != "auto" or saved or (kind == "cuda" and not installed("bitsandbytes")):
        return
    for smaller in SMALLER_KINDS.get(kind, ()):
        yield defaults(smaller)


def _is_own(checkpoint: Checkpoint, plan: Mapping[str, str]) -> bool:
    """Whether `smolvlm export` wrote the files, in its default form: no graph holds much itself.

    Files that are yet to be fetched are another's.
    """
    paths = [checkpoint.folder / component_file(PARTS[part], plan[part]) for part in PARTS]
    return all(
        path.is_file() and path.stat().st_size <= INLINE_LIMIT and is_own_export(path)
        for path in paths
    )


def _onnx_precisions(checkpoint: Checkpoint, precision: Precision) -> Iterator[Mapping[str, str]]:
    plan = choose_plan(
        checkpoint.files,
        precision,
        checkpoint.id,
        lambda name: int8_vision_is_exact(checkpoint.folder / name, this_cpu()),
    )
    yield plan
    asked = parse_precision(precision)
    for part, smaller in SMALLER_FILES:
        there = component_file(PARTS[part], smaller) in checkpoint.files
        if asked[part] == "auto" and there and plan[part] != smaller:
            plan = plan | {part: smaller}
            yield plan
