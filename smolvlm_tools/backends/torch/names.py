"""The torch backend's precisions by name and component; imports no torch.

component  is
vision     the tower's matrices; its patch embedding is never quantized
connector  the one matrix between tower and decoder
decoder    the layers' matrices
lm_head    the output matrix

The token table stays as stored. One name says what the decoder is; `BESIDE` says what the other
components are beside it, and in a mapping what those are that it does not name. The defaults skip
what hurts: vision tower and connector are never quantized unless named (in small models their
error is the larger one), and the output matrix not by the libraries' kinds, as the libraries
themselves have it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..precision import Precision, read_parts

COMPONENTS = ("vision", "connector", "decoder", "lm_head")

TILES_PER_BATCH: Mapping[str, int] = {"cpu": 1, "cuda": 16, "mps": 4}
"""Tiles of a micro-batch by the device's kind."""

FLOATS: Mapping[str, int] = {"fp32": 4, "bf16": 2, "fp16": 2}
"""Bytes of a weight that is not quantized."""

OWN = ("int8", "q4")
"""Formats of our own, on the CPU only."""

KINDS = (
    *FLOATS,
    *OWN,
    "bnb-int8",
    "bnb-nf4",
    "torchao-int8",
    "torchao-int8-dynamic",
    "torchao-int4",
    "quanto-int8",
    "quanto-int4",
    "quanto-float8",
)
"""What a matrix can be."""

BESIDE: Mapping[str, str] = {"int8": "int8", "q4": "int8"}
"""The output matrix beside a decoder of our own formats; bf16 beside the libraries'."""

LIBRARIES: Mapping[str, str] = {
    "bnb": "bitsandbytes",
    "torchao": "torchao",
    "quanto": "optimum.quanto",
}
"""The module a kind needs, by the first part of its name."""


def library_of(kind: str) -> str | None:
    """The module that multiplies a kind, None for our own."""
    return LIBRARIES.get(kind.partition("-")[0])


def defaults(decoder: str) -> dict[str, str]:
    """The precision of every component where the decoder's is `decoder` and no other is named."""
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
        auto: what "auto" is for the decoder.

    Raises:
        BadOptions: no such component or precision.
    """
    if asked == "auto":
        return defaults(auto)
    if isinstance(asked, str) and "=" not in asked:
        read_parts(asked, COMPONENTS, KINDS, "torch")
        return defaults(asked)
    named = read_parts(asked, COMPONENTS, KINDS, "torch")
    decoder = auto if named["decoder"] == "auto" else named["decoder"]
    beside = defaults(decoder)
    return {name: beside[name] if kind == "auto" else kind for name, kind in named.items()}


def describe_kinds(kinds: Mapping[str, str]) -> str:
    """The decoder's name where it says all, else "vision=bf16,connector=…,decoder=…"."""
    decoder = kinds["decoder"]
    if dict(kinds) == defaults(decoder):
        return decoder
    return ",".join(f"{name}={kinds[name]}" for name in COMPONENTS)
