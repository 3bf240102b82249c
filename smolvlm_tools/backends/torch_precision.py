"""Which number formats a precision means on a device; knows dtypes and CPU features, not layers.

precision  matrices of the decoder       everything else     activations
fp32       float32                       float32             float32
bf16       bfloat16                      bfloat16            `fast_dtype` on a CPU, else bfloat16
fp16       float16                       float16             float32 on a CPU, else float16
int8       int8, a scale per row         bfloat16            as bf16; CPU only
q4         4 bits, scale and zero per    bfloat16            as bf16; CPU only
           group of 32; lm_head int8
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..errors import BackendUnavailable

QUANTIZED = ("int8", "q4")
WEIGHTS = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.bfloat16,
    "q4": torch.bfloat16,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Number formats of one loaded model.

    Attributes:
        device: "cpu", "cuda:0", "mps", …
        decoder: what the decoder's matrices are: a precision's name.
        head: what the output matrix is: a precision's name.
        weights: of the vision tower, the norms, and matrices that are not quantized.
        activations: what is added, normalised and, for many rows at once, multiplied.
        cache: keys and values.
    """

    device: str
    decoder: str
    head: str
    weights: torch.dtype
    activations: torch.dtype
    cache: torch.dtype


def make_plan(precision: str, device: str) -> Plan:
    """The formats of a precision; see the module.

    Raises:
        BackendUnavailable: a quantized precision on something else than a CPU.
    """
    on_cpu = device == "cpu"
    if precision in QUANTIZED and not on_cpu:
        raise BackendUnavailable(
            f"the torch backend has {precision} on the CPU only, not on {device}",
            "Use precision 'bf16' or 'fp16' there.",
        )
    weights = activations = WEIGHTS[precision]
    if on_cpu and precision != "fp32":
        activations = torch.float32 if precision == "fp16" else fast_dtype()
    head = "int8" if precision == "q4" else precision
    return Plan(device, precision, head, weights, activations, cache=weights)


def pick_precision(device: str) -> str:
    """What "auto" is: bf16, which the hub's checkpoints are stored in; fp16 on Apple's GPUs."""
    return "fp16" if device == "mps" else "bf16"


def fast_dtype() -> torch.dtype:
    """What this CPU multiplies large matrices in fastest: bfloat16 where it has instructions.

    Without them oneDNN's bfloat16 products are five to seven times slower than float32's.
    """
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    checks = [getattr(torch.cpu, name, None) for name in names]
    native = any(check is not None and check() for check in checks)
    return torch.bfloat16 if native else torch.float32
