"""Which ONNX files a precision consists of; knows the hub's names, not what is in the files."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import BadOptions, ModelNotFound

COMPONENTS = ("vision_encoder", "embed_tokens", "decoder_model_merged")

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

FOLDER = "onnx"


def component_file(component: str, precision: str) -> str:
    """Name of one component's graph below the checkpoint's folder, with forward slashes."""
    return f"{FOLDER}/{component}{SUFFIXES[precision]}.onnx"


def available_precisions(files: Iterable[str]) -> tuple[str, ...]:
    """Precisions of which all three components are among `files`, the most exact first."""
    present = frozenset(files)
    return tuple(
        precision
        for precision in SUFFIXES
        if all(component_file(component, precision) in present for component in COMPONENTS)
    )


def choose_precision(files: Iterable[str], asked: str, checkpoint: str) -> str:
    """The precision to load: `asked`, or the most exact one present for "auto".

    Args:
        files: names of the checkpoint's files, below its folder.
        asked: a key of `SUFFIXES`, or "auto".
        checkpoint: how messages call the checkpoint.

    Raises:
        BadOptions: no such precision exists.
        ModelNotFound: it exists, but not in this checkpoint.
    """
    if asked != "auto" and asked not in SUFFIXES:
        raise BadOptions(
            f"the onnx backend knows no precision {asked!r}",
            f"Use one of: auto, {', '.join(SUFFIXES)}.",
        )
    present = available_precisions(files)
    if asked == "auto" and present:
        return present[0]
    if asked in present:
        return asked
    remedies = [f"Choose {' or '.join(present)}."] if present else []
    if asked == "auto" or asked in EXPORTED:
        wanted = "fp32" if asked == "auto" else asked
        remedies.append(f"Run `smolvlm export CHECKPOINT --out DIR --precision {wanted}`.")
    listed = f"it has {', '.join(present)}" if present else "it has none at all"
    raise ModelNotFound(
        f"{checkpoint} has no {'' if asked == 'auto' else asked + ' '}ONNX files ({listed})",
        " ".join(remedies) or "Use a checkpoint that ships it.",
    )


def needed_files(files: Iterable[str], precision: str) -> tuple[str, ...]:
    """The three graphs of `precision` and the data files that belong to them."""
    graphs = [component_file(component, precision) for component in COMPONENTS]
    data = [
        name
        for name in sorted(files)
        if any(name.startswith(f"{graph}_data") or name == f"{graph}.data" for graph in graphs)
    ]
    return (*graphs, *data)
