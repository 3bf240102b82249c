"""What is known of the onnx backend while ONNX Runtime is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ...checkpoint import Checkpoint
from ...errors import BadOptions, ModelNotFound
from ...machine.cpu import this_cpu
from ..base import AnyBackend
from ..footprint import Footprint, Setup
from ..precision import Precision
from ..spec import BackendSpec
from .files import (
    INLINE_LIMIT,
    PARTS,
    PRECISIONS,
    STATIC,
    available_precisions,
    component_file,
    needed_files,
)
from .plan import choose_plan, describe_plan, int8_vision_is_exact, is_own_export, parse_precision

SMALLER_FILES = (("decoder", "q4"), ("embed", "int8"), ("vision", "q4"))
"""What "auto" may become under a memory budget, one after the other: what costs the least quality
for its bytes first."""


class OnnxSpec(BackendSpec):
    """The hub's ONNX files in ONNX Runtime."""

    name = "onnx"
    packages = ("onnxruntime",)
    install = "onnxruntime"
    precisions = PRECISIONS
    runs_static = False
    """As the backend's."""

    def auto_rank(self, device: str) -> int | None:
        return None if device == "mps" else 1

    def forms(self, checkpoint: Checkpoint) -> Iterable[Precision]:
        return ("auto", *available_precisions(checkpoint.files))

    def check_precision(self, precision: Precision) -> None:
        parse_precision(precision)

    def can_run(self, checkpoint: Checkpoint, precision: Precision, device: str) -> bool:
        try:
            choose_plan(checkpoint.files, precision, checkpoint.id, static=self.runs_static)
        except (BadOptions, ModelNotFound):
            return False
        return True

    def setups(self, checkpoint: Checkpoint, precision: Precision, device: str) -> Iterator[Setup]:
        for plan in _plans(checkpoint, precision, static=self.runs_static):
            foreign = not _is_own(checkpoint, plan)
            yield Setup(checkpoint.config, self.name, device, plan, foreign)

    def fetch(self, checkpoint: Checkpoint, precision: Mapping[str, str]) -> None:
        checkpoint.fetch(needed_files(checkpoint.files, precision))

    def describe(self, precision: Mapping[str, str]) -> str:
        return describe_plan(precision)

    def footprint(self, setup: Setup) -> Footprint:
        from .footprint import OnnxFootprint

        return OnnxFootprint(setup)

    def loader(self) -> Callable[..., AnyBackend]:
        from .backend import OnnxBackend

        return OnnxBackend.load


def _plans(
    checkpoint: Checkpoint, precision: Precision, *, static: bool
) -> Iterator[Mapping[str, str]]:
    plan = choose_plan(
        checkpoint.files,
        precision,
        checkpoint.id,
        lambda name: int8_vision_is_exact(checkpoint.folder / name, this_cpu()),
        static=static,
    )
    yield plan
    asked = parse_precision(precision)
    for part, smaller in SMALLER_FILES:
        there = component_file(PARTS[part], smaller) in checkpoint.files
        if asked[part] == "auto" and there and plan[part] != smaller:
            plan = plan | {part: smaller}
            yield plan


def _is_own(checkpoint: Checkpoint, plan: Mapping[str, str]) -> bool:
    """Whether `smolvlm export` wrote the files, in its default form: no graph holds much itself.

    Files that are yet to be fetched are another's.
    """
    graphs = [component_file(PARTS[part], plan[part]) for part in PARTS if plan[part] != STATIC]
    paths = [checkpoint.folder / graph for graph in graphs]
    return all(
        path.is_file() and path.stat().st_size <= INLINE_LIMIT and is_own_export(path)
        for path in paths
    )
