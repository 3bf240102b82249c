"""Which number formats a precision means on a device; knows dtypes and CPU features, not layers.

kind of a matrix          is                             activations
fp32                      float32                        float32
bf16                      bfloat16                       `fast_dtype` on a CPU, else bfloat16
fp16                      float16                        float32 on a CPU, else float16
int8, q4                  see `torch_packed`; CPU only   as bf16
bnb-*, torchao-*, quanto-*  see `torch_bitsandbytes`, …  as bf16

Activations are the same everywhere: float32 where components that are not quantized differ.
`torch_names` says what a component is that is not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ...errors import BackendUnavailable
from ...machine.cpu import CpuFeatures, this_cpu
from .names import FLOATS, OWN, describe_kinds, library_of

WEIGHTS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Plan:
    """Number formats of one loaded model.

    Attributes:
        device: "cpu", "cuda:0", "mps", …
        kinds: what the matrices of each of `torch_names.COMPONENTS` are.
        activations: what is added, normalised and, for many rows at once, multiplied.
        cache: keys and values.
    """

    device: str
    kinds: Mapping[str, str]
    activations: torch.dtype
    cache: torch.dtype

    @property
    def name(self) -> str:
        """What the user calls it."""
        return describe_kinds(self.kinds)

    @property
    def patches(self) -> str:
        """What the patch embedding is: never quantized, as the libraries leave it."""
        return self.kinds["vision"] if self.kinds["vision"] in FLOATS else "bf16"

    @property
    def can_be_captured(self) -> bool:
        """Whether a step can become a CUDA graph: the libraries do not promise it."""
        return not any(library_of(kind) for kind in self.kinds.values())


def make_plan(kinds: Mapping[str, str], device: str, cpu: CpuFeatures | None = None) -> Plan:
    """The formats of a model whose components are `kinds`; see the module.

    Args:
        kinds: of each of `torch_names.COMPONENTS`.
        device: see `Plan`.
        cpu: what the CPU can do; None asks this one.

    Raises:
        BackendUnavailable: a format of ours on something else than a CPU.
    """
    on_cpu = device == "cpu"
    own = [kind for kind in kinds.values() if kind in OWN]
    if own and not on_cpu:
        raise BackendUnavailable(
            f"the torch backend has {own[0]} on the CPU only, not on {device}",
            "Use precision 'bf16', 'bnb-nf4' or 'torchao-int8' there.",
        )
    plain = {kind for kind in kinds.values() if kind in FLOATS} or {"bf16"}
    activations = WEIGHTS[plain.pop()] if len(plain) == 1 else torch.float32
    if on_cpu and activations == torch.bfloat16:
        activations = fast_dtype(cpu or this_cpu())
    elif on_cpu:
        activations = torch.float32
    cache = WEIGHTS.get(kinds["decoder"], torch.bfloat16)
    if not on_cpu and kinds["decoder"] not in FLOATS:
        cache = activations
    return Plan(device, dict(kinds), activations, cache)


def pick_precision(device: str) -> str:
    """What "auto" is: bf16, which the hub's checkpoints are stored in; fp16 on Apple's GPUs."""
    return "fp16" if device == "mps" else "bf16"


def fast_dtype(cpu: CpuFeatures) -> torch.dtype:
    """What a CPU multiplies large matrices in fastest: bfloat16 where it has instructions.

    Without them oneDNN's bfloat16 products are five to seven times slower than float32's.
    """
    return torch.bfloat16 if cpu.bf16_products else torch.float32
