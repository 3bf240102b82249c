"""What is known of the torch backend while torch is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ...checkpoint import Checkpoint
from ...checkpoint.weights import fetch_safetensors
from ...errors import BadOptions
from ...machine import packages
from ...machine.accelerator import accelerator
from ...machine.meter import Meter, resident
from ..base import AnyBackend
from ..footprint import Footprint, Setup
from ..precision import Precision
from ..spec import BackendSpec
from .names import KINDS, OWN, TILES_PER_BATCH, auto_kind, defaults, describe_kinds, parse_kinds
from .saved import agreed_kinds, read_config, saved_kinds

SMALLER_KINDS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("int8", "q4"),
    "cuda": ("bnb-int8", "bnb-nf4"),
}
"""What "auto" may become under a memory budget, by device; what costs the least quality first."""


class TorchSpec(BackendSpec):
    """A checkpoint's safetensors in torch."""

    name = "torch"
    packages = ("torch",)
    install = "'smolvlm-tools[torch]'"
    precisions = KINDS
    merges_adapters = True

    def auto_rank(self, device: str) -> int | None:
        return 2 if _is_cpu(device) else 0

    def default_device(self) -> str:
        return accelerator() or "cpu"

    def tiles_per_batch(self, device: str) -> int:
        return TILES_PER_BATCH.get(_kind(device), 1)

    def meter(self, device: str) -> Meter:
        if _kind(device) != "cuda":
            return resident()
        from .memory import allocator

        return allocator(device)

    def limit_memory(self, device: str, budget: int) -> None:
        if _kind(device) == "cuda":
            from .memory import limit_allocator

            limit_allocator(device, budget)

    def check_precision(self, precision: Precision) -> None:
        parse_kinds(precision)

    def can_run(self, checkpoint: Checkpoint, precision: Precision, device: str) -> bool:
        try:
            kinds = parse_kinds(precision)
        except BadOptions:
            return False
        possible = _is_cpu(device) or not any(kind in OWN for kind in kinds.values())
        return possible and any(name.endswith(".safetensors") for name in checkpoint.files)

    def setups(self, checkpoint: Checkpoint, precision: Precision, device: str) -> Iterator[Setup]:
        kind = _kind(device)
        saved = saved_kinds(read_config(checkpoint.folder))
        asked = agreed_kinds(precision, saved, auto_kind(kind))
        yield Setup(checkpoint.config, self.name, device, asked)
        lacks_library = kind == "cuda" and not packages.installed("bitsandbytes")
        if precision != "auto" or saved or lacks_library:
            return
        for smaller in SMALLER_KINDS.get(kind, ()):
            yield Setup(checkpoint.config, self.name, device, defaults(smaller))

    def fetch(self, checkpoint: Checkpoint, precision: Mapping[str, str]) -> None:
        fetch_safetensors(checkpoint)

    def describe(self, precision: Mapping[str, str]) -> str:
        return describe_kinds(precision)

    def footprint(self, setup: Setup) -> Footprint:
        from .footprint import TorchFootprint

        return TorchFootprint(setup)

    def loader(self) -> Callable[..., AnyBackend]:
        from .backend import TorchBackend

        return TorchBackend.load


def _kind(device: str) -> str:
    """A device without its number."""
    return device.partition(":")[0]


def _is_cpu(device: str) -> bool:
    return device == "cpu" or (device == "auto" and accelerator() is None)
