"""Which dtypes a precision means on a device.

kind of a matrix            is                                 activations
fp32                        float32                            float32
bf16                        bfloat16                           bfloat16, but float32 on most CPUs
fp16                        float16                            float16, but float32 on a CPU
int8, q4                    see `formats/packed.py`; CPU only  as bf16
bnb-*, torchao-*, quanto-*  see `formats/bitsandbytes.py`, …   as bf16

Activations are the same everywhere: float32 where components that are not quantized differ.
`names.py` has the rules, and says what a component is that is not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ...errors import BackendUnavailable
from ...machine.cpu import CpuFeatures, this_cpu
from .names import OWN, activation_kind, cache_kind, describe_kinds, library_of

WEIGHTS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Plan:
    """Number formats of one loaded model."""

    device: str  # "cpu", "cuda:0", "mps", …
    kinds: Mapping[str, str]  # by component
    activations: torch.dtype  # also what many rows at once are multiplied in
    cache: torch.dtype

    @property
    def name(self) -> str:
        """What the user calls it."""
        return describe_kinds(self.kinds)

    @property
    def can_be_captured(self) -> bool:
        """Whether a step can become a CUDA graph: the libraries do not promise it."""
        return not any(library_of(kind) for kind in self.kinds.values())


def make_plan(kinds: Mapping[str, str], device: str, cpu: CpuFeatures | None = None) -> Plan:
    """The formats of a model on this CPU or the given one."""
    on_cpu = device == "cpu"
    own = [kind for kind in kinds.values() if kind in OWN]
    if own and not on_cpu:
        raise BackendUnavailable(
            f"the torch backend has {own[0]} on the CPU only, not on {device}",
            "Use precision 'bf16', 'bnb-nf4' or 'torchao-int8' there.",
        )
    host = (cpu or this_cpu()) if on_cpu else None
    activations, cache = activation_kind(kinds, host), cache_kind(kinds, host)
    return Plan(device, dict(kinds), WEIGHTS[activations], WEIGHTS[cache])
