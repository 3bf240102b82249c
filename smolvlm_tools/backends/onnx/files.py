"""Which ONNX files a precision consists of, under the hub's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

PARTS = {
    "vision": "vision_encoder",
    "embed": "embed_tokens",
    "decoder": "decoder_model_merged",
}
"""The hub's file name of each component that a precision can be chosen for."""

COMPONENTS = tuple(PARTS.values())

SUFFIXES = {
    "fp32": "",
    "fp16": "_fp16",
    "int8": "_int8",
    "uint8": "_uint8",
    "quantized": "_quantized",
    "q4": "_q4",
    "q4f16": "_q4f16",
    "bnb4": "_bnb4",
}
"""Suffix of the hub's file names per precision, the most exact first."""

PRECISIONS = tuple(SUFFIXES)
EXPORTED = ("fp32", "int8", "q4")
"""Precisions that `smolvlm export` writes."""

STATIC = "int8-static"
"""Of the vision tower, for OpenVINO alone: int8 whose scales were measured on images beforehand."""

FOLDER = "onnx"

BLOCKS = {8: 64, 4: 32}
"""Weights along the input axis that share one scale, by bits: docs/adr/0007 and 0005."""

LOGITS_KEPT = "num_logits_to_keep"
"""Optional input of a decoder graph: the logits of how many last tokens it returns, else of one.
transformers.js knows it by this name."""

INLINE_LIMIT = 32_000_000
"""Bytes of weights above which they go to a file of their own. That file is mapped: it loads in
less than half the time and what is not touched takes no memory, whereas a graph is parsed and
copied. (Protobuf itself ends at 2 GiB.)"""


def component_file(component: str, precision: str) -> str:
    """Name of one component's graph below the checkpoint's folder, with forward slashes."""
    if precision == STATIC:
        return f"{FOLDER}/{component}_int8_static.xml"
    return f"{FOLDER}/{component}{SUFFIXES[precision]}.onnx"


def data_file(graph: Path) -> Path:
    """Where the weights of `graph` lie that are not in it, as `smolvlm export` and the hub say."""
    return graph.with_name(f"{graph.name}_data")


def available_precisions(files: Iterable[str]) -> tuple[str, ...]:
    """Precisions of which all three components are among `files`, the most exact first."""
    present = frozenset(files)
    return tuple(
        precision
        for precision in SUFFIXES
        if all(component_file(component, precision) in present for component in COMPONENTS)
    )


def needed_files(files: Iterable[str], plan: Mapping[str, str]) -> tuple[str, ...]:
    """The graphs of a plan, {"vision": "int8", …}, and the data files that belong to them."""
    graphs = [component_file(PARTS[part], precision) for part, precision in plan.items()]
    data = [
        name
        for name in sorted(files)
        if any(name.startswith(f"{graph}_data") or name == f"{graph}.data" for graph in graphs)
    ]
    return (*graphs, *data)
