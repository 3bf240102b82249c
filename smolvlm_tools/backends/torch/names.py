"""The torch backend's precisions by name and component. Imports no torch.

component  is
vision     the tower's matrices; its patch embedding is never quantized
connector  the one matrix between tower and decoder
decoder    the layers' matrices
lm_head    the output matrix

The token table stays as stored. A single name says what the decoder is; `defaults` says what the
other components are then, and those that a mapping leaves out. It avoids what hurts: vision tower
and connector are quantized only where they are named (in small models their error is the larger
one), and the output matrix never by a library unless named, as the libraries themselves have it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...machine.cpu import CpuFeatures
from ..precision import Precision, read_parts
from .formats.registry import FORMATS, Float

COMPONENTS = ("vision", "connector", "decoder", "lm_head")

TILES_PER_BATCH: Mapping[str, int] = {"cpu": 1, "cuda": 16, "mps": 4}
"""Tiles of a micro-batch by the device's kind."""

KINDS = tuple(FORMATS)
"""What a matrix can be."""

FLOATS: Mapping[str, int] = {
    kind: made.bytes for kind, made in FORMATS.items() if isinstance(made, Float)
}
"""Bytes of a weight that is not quantized."""

OWN = tuple(kind for kind, made in FORMATS.items() if kind not in FLOATS and not made.library)
"""Formats of our own, on the CPU only."""

BESIDE: Mapping[str, str] = dict.fromkeys(OWN, "int8")
"""The output matrix beside a decoder of our own formats; it is bf16 beside the libraries'."""


def library_of(kind: str) -> str | None:
    """The module that multiplies a kind; None for torch alone."""
    library = FORMATS[kind].library
    return library.name if library else None


def auto_kind(device_kind: str) -> str:
    """What "auto" is: bf16, which the hub's checkpoints are stored in; fp16 on Apple's GPUs."""
    return "fp16" if device_kind == "mps" else "bf16"


def activation_kind(kinds: Mapping[str, str], cpu: CpuFeatures | None) -> str:
    """What activations are: as the weights, but float32 where a CPU multiplies that faster.

    Without instructions for bfloat16, oneDNN's products of it are five to seven times slower than
    float32's. Components that are not quantized and differ among themselves meet in float32.
    """
    plain = {kind for kind in kinds.values() if kind in FLOATS} or {"bf16"}
    kind = plain.pop() if len(plain) == 1 else "fp32"
    if cpu is not None and not (kind == "bf16" and cpu.bf16_products):
        return "fp32"
    return kind


def cache_kind(kinds: Mapping[str, str], cpu: CpuFeatures | None) -> str:
    """What keys and values are: as the decoder's weights where those are not quantized."""
    if kinds["decoder"] in FLOATS:
        return kinds["decoder"]
    return activation_kind(kinds, cpu) if cpu is None else "bf16"


def patch_kind(kinds: Mapping[str, str]) -> str:
    """What the patch embedding is: never quantized, as the libraries leave it."""
    return kinds["vision"] if kinds["vision"] in FLOATS else "bf16"


def defaults(decoder: str) -> dict[str, str]:
    """The precision of every component, given only the decoder's."""
    beside = decoder if decoder in FLOATS else "bf16"
    return {
        "vision": beside,
        "connector": beside,
        "decoder": decoder,
        "lm_head": BESIDE.get(decoder, beside),
    }


def parse_kinds(asked: Precision, auto: str = "bf16") -> dict[str, str]:
    """The precision of every component.

    Args:
        asked: one name, a mapping, or text such as "vision=bf16,decoder=bnb-nf4".
        auto: what "auto" means for the decoder.
    """
    if asked == "auto":
        return defaults(auto)
    named = read_parts(asked, COMPONENTS, tuple(FORMATS), "torch")
    if isinstance(asked, str) and "=" not in asked:
        return defaults(asked)
    decoder = auto if named["decoder"] == "auto" else named["decoder"]
    beside = defaults(decoder)
    return {name: beside[name] if kind == "auto" else kind for name, kind in named.items()}


def describe_kinds(kinds: Mapping[str, str]) -> str:
    """The decoder's name if the rest are its defaults, else "vision=bf16,connector=…,decoder=…"."""
    decoder = kinds["decoder"]
    if dict(kinds) == defaults(decoder):
        return decoder
    return ",".join(f"{name}={kinds[name]}" for name in COMPONENTS)
