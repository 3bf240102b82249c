"""Writes a checkpoint with quantized weights, one tensor in memory at a time.

The folder is in the hub's layout: the small files, `model.safetensors`, and in config.json the
entry that `backends.torch.saved` reads. Quantized tensors have the names that the quantizing
library gives them; what is not a matrix stays as stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..backends.precision import Precision
from ..backends.torch.build import EMBEDDING, HEAD, TEXT, VISION, AnyWeights, merge_adapter
from ..backends.torch.formats.choose import check_kinds, format_of, quantize_weight
from ..backends.torch.formats.matrix import Layout, Stored
from ..backends.torch.names import FLOATS, describe_kinds, parse_kinds
from ..backends.torch.plan import WEIGHTS, make_plan
from ..backends.torch.saved import KEY, quantization_config, read_config, saved_kinds
from ..backends.torch.weights import TorchWeights, open_weights
from ..checkpoint import AdapterFiles, Checkpoint
from ..checkpoint.safetensors import SINGLE
from ..errors import BadOptions, ModelError, ModelInvalid
from ..machine.heap import give_back_large_blocks, trim_heap
from .export import Progress, copy_small_files, say_nothing
from .safetensors_file import write_safetensors
from .scratch import scratch_folder
from .unit import Unit, source_digest

MATRICES = {
    f"{VISION}encoder.layers.": "vision",
    "model.connector.": "connector",
    f"{TEXT}layers.": "decoder",
    HEAD: "lm_head",
}
"""How the names of a component's matrices begin."""


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """What was written; bytes are of the weights alone."""

    folder: Path
    precision: str
    source_bytes: int
    bytes: int


def quantize_checkpoint(
    checkpoint: Checkpoint,
    out: Path,
    precision: Precision,
    *,
    adapter: AdapterFiles | None = None,
    progress: Progress | None = None,
    replace: bool = False,
) -> QuantizeReport:
    """Write a checkpoint's weights quantized, as `SmolVLM.load(out, backend="torch")` reads them.

    A checkpoint loaded from there gives the logits that it gives when it is quantized at load.

    Args:
        checkpoint: opened; its weights are fetched here.
        out: folder to write to; not the checkpoint's own.
        precision: one name, or one for each component: see `backends.torch.names`.
        adapter: a LoRA adapter to merge into the weights first.
        progress: called with one line now and then.
        replace: whether another model's export in `out` may be removed.

    Raises:
        BadOptions: an unknown precision, one that quantizes nothing, the checkpoint's own folder,
            or one that holds another model's files.
        BackendUnavailable: a library is missing, or cannot quantize on this machine.
        ModelNotFound: the checkpoint has no safetensors weights.
        ModelInvalid: it is already quantized or damaged, or the adapter does not belong to it.
        ModelError: the files could not be written.
    """
    kinds, raw = _check(checkpoint, out, precision)
    give_back_large_blocks()
    base = open_weights(checkpoint)
    weights = base if adapter is None else merge_adapter(base, adapter, raw)
    with torch.inference_mode():
        check_kinds(kinds.values(), "cpu", make_plan(kinds, "cpu").activations)
        source = _Source(base, weights, kinds)
        digest = f"quantized from {source_digest(checkpoint.folder, adapter)}"
        unit = Unit(out, checkpoint.folder, digest, {describe_kinds(kinds): {}}, replace)
        unit.check_place()
        size = _write(unit, source, {**raw, KEY: quantization_config(kinds)}, progress)
    return QuantizeReport(out, describe_kinds(kinds), base.bytes, size)


def _write(unit: Unit, source: _Source, raw: dict[str, Any], progress: Progress | None) -> int:
    """Write all files and put them into place; returns the size of the weights' file."""
    try:
        unit.out.mkdir(parents=True, exist_ok=True)
        with scratch_folder(unit.out) as scratch:
            tensors = source.tensors(progress or say_nothing)
            size = write_safetensors(scratch / SINGLE, source.layout(), tensors)
            source.check_all_used()
            copy_small_files(unit.source_folder, scratch)
            text = json.dumps(raw, indent=2) + "\n"
            (scratch / "config.json").write_text(text, encoding="utf-8")
            unit.commit(scratch)
    except OSError as error:
        raise ModelError(
            f"writing to {unit.out} failed ({error})", "Check permissions and free space."
        ) from error
    return size


def _check(
    checkpoint: Checkpoint, out: Path, precision: Precision
) -> tuple[dict[str, str], dict[str, Any]]:
    """The precision of each component, and the checkpoint's config.json."""
    kinds = parse_kinds(precision)
    if all(kind in FLOATS for kind in kinds.values()):
        raise BadOptions(
            f"precision {precision!r} quantizes nothing",
            "Use a quantized precision such as 'bnb-nf4' or 'int8'.",
        )
    if out.resolve() == checkpoint.folder.resolve():
        raise BadOptions(f"{out} is the checkpoint's own folder", "Write to another folder.")
    raw = read_config(checkpoint.folder)
    if saved_kinds(raw) is not None:
        raise ModelInvalid(
            f"{checkpoint.id} is already quantized",
            "Start from the checkpoint as it was before quantization.",
        )
    return kinds, raw


class _Source:
    """The tensors of a checkpoint, and what each is written as."""

    def __init__(self, base: TorchWeights, weights: AnyWeights, kinds: dict[str, str]) -> None:
        self._base, self._weights, self._kinds = base, weights, kinds
        self._shapes = {
            name: shape for name, shape in base.shapes.items() if base.dtype(name) is not None
        }  # the others are tables that a backend computes itself
        self._tied = HEAD not in base
        if self._tied and (HEAD in weights or kinds["lm_head"] not in FLOATS):
            self._shapes[HEAD] = self._shapes[EMBEDDING]  # the table's no longer

    def check_all_used(self) -> None:
        """Check that all of an adapter was merged."""
        if not isinstance(self._weights, TorchWeights):
            self._weights.check_all_used()

    def layout(self) -> Layout:
        """Of all tensors in the file."""
        layout: Layout = {}
        for name, shape in self._shapes.items():
            kind = self._kind(name)
            if kind is None or kind in FLOATS:
                stored = self._base.dtype(EMBEDDING if name == HEAD and self._tied else name)
                assert stored is not None  # `_shapes` has no other
                layout[name] = (WEIGHTS[kind] if kind else stored, shape)
                continue
            made = format_of(kind).layout(kind, shape[0], shape[1])
            layer = name.removesuffix(".weight")
            layout |= {layer + suffix: about for suffix, about in made.items()}
        return layout

    def tensors(self, progress: Progress) -> Iterator[Stored]:
        """All tensors of the file, those of one matrix at a time."""
        for number, (name, shape) in enumerate(self._shapes.items()):
            if number % 100 == 0:
                progress(f"quantizing tensor {number + 1} of {len(self._shapes)}")
                trim_heap()
            kind = self._kind(name)
            from_table = name == HEAD and HEAD not in self._weights
            weight = self._weights.get(EMBEDDING if from_table else name, shape)
            if kind is None or kind in FLOATS:
                yield {name: weight.to(WEIGHTS[kind]) if kind else weight}
                continue
            layer = name.removesuffix(".weight")
            yield {layer + key: value for key, value in quantize_weight(weight, kind).items()}

    def _kind(self, name: str) -> str | None:
        """The precision of a matrix; None for any other tensor."""
        if len(self._shapes[name]) != 2 or not name.endswith(".weight"):
            return None
        found = [part for start, part in MATRICES.items() if name.startswith(start)]
        return self._kinds[found[0]] if found else None
