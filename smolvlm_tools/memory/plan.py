"""Chooses a way of running a checkpoint that fits a budget. Arithmetic; no backend is imported.

Things are given up in this order, each only as far as it takes: caches, tiles per micro-batch,
precision, resolution. What the caller named is pinned and never given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..backends.footprint import Setup
from ..backends.registry import describe_precision, footprint_of
from ..cache.limits import CacheLimits
from ..errors import OutOfMemoryBudget
from ..machine.amounts import UNITS, format_bytes
from ..prompt.workload import Workload
from ..types import Resolution, Value
from .predict import Prediction, predict

SMALLEST_CACHE = UNITS["MB"]
"""Less than this is not worth keeping anything for."""

SLACK = 4 * UNITS["MB"]
"""Two runs of the same process differ by about so much."""


AGAIN = 16 * UNITS["MB"]
"""What a process may have grown by when it tries again with the figure it was told."""


class LoadPlan(Value):
    """How a checkpoint will be loaded, and what it is expected to take.

    Attributes:
        model: id of the checkpoint.
        backend, device: what will run it.
        precision: of each component.
        tiles_per_batch: tiles that the vision tower gets at a time.
        resolution: how images are cut: "auto", "native", or tiles along the longest edge.
        longest_edge: pixels along the longest edge that an image keeps at most.
        max_side: the same in tiles, where the budget lowered it.
        tiles: of all images of one request of the workload.
        batch: requests of the workload that fit beside each other.
        context: tokens of one of its sequences, the reply included.
        vision_cache_bytes, kv_cache_bytes: bounds of the caches.
        budget_bytes: what it must keep to; None for no bound.
        predicted_bytes: the highest of `stages`. On a CPU this is the whole process's resident
            memory, on a GPU what its allocator holds.
        stages: bytes while loading, and while each stage of the workload runs.
        parts: bytes by part. Not all are in use at once, so they add up to more than the peak.
        given_up: what the budget cost, in words.
    """

    model: str
    backend: str
    device: str
    precision: dict[str, str]
    tiles_per_batch: int
    resolution: Resolution
    longest_edge: int
    max_side: int | None
    tiles: int
    batch: int
    context: int
    vision_cache_bytes: int
    kv_cache_bytes: int
    budget_bytes: int | None
    predicted_bytes: int
    stages: dict[str, int]
    parts: dict[str, int]
    given_up: tuple[str, ...] = ()

    @property
    def cache(self) -> CacheLimits:
        return CacheLimits(self.vision_cache_bytes, self.kv_cache_bytes)

    @property
    def precision_name(self) -> str:
        """The precision as `SmolVLM.load` takes it and results state it."""
        return describe_precision(self.backend, self.precision)

    @property
    def loaded_bytes(self) -> int:
        """In use once everything is loaded."""
        return self.stages["load"] - self.parts["loading"]


@dataclass(frozen=True, slots=True)
class View:
    """One way of cutting the workload's images.

    Attributes:
        longest_edge: pixels that an image keeps at most.
        max_side: the same in tiles, where it was lowered.
    """

    resolution: Resolution
    longest_edge: int
    max_side: int | None
    load: Workload


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen from, the best first.

    Attributes:
        tiles_per_batch: size of a micro-batch, which may be halved.
        batch: requests wanted together, which may be halved.
        pinned_caches: whether these may not be lowered.
    """

    setups: Sequence[Setup]
    views: Sequence[View]
    tiles_per_batch: int
    batch: int = 1
    caches: CacheLimits = field(default_factory=CacheLimits)
    pinned_caches: bool = False

    @property
    def least_caches(self) -> CacheLimits:
        return self.caches if self.pinned_caches else CacheLimits(0, 0)


@dataclass(frozen=True, slots=True)
class Process:
    """Where the model will be loaded.

    Attributes:
        resident: bytes in use before; 0 counts for a GPU's allocator.
        imported: libraries that are part of it.
    """

    resident: int
    imported: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: everything chosen but the caches."""

    setup: Setup
    view: View
    tiles_per_batch: int
    batch: int

    def predict(self, caches: CacheLimits, process: Process) -> Prediction:
        return predict(
            footprint_of(self.setup),
            replace(self.view.load, batch=self.batch),
            self.tiles_per_batch,
            caches,
            process.resident if self.setup.on_host else 0,
            process.imported,
            host=self.setup.on_host,
        )


def choose_load_plan(
    model: str, choices: Choices, process: Process, budget: int | None = None
) -> LoadPlan:
    """The first way down the ladder that keeps to the budget.

    Args:
        budget: bytes; None takes the best of everything.

    Raises:
        OutOfMemoryBudget: not even the last one does; `needed_bytes` would.
    """
    rungs = list(_ladder(choices))
    peaks: list[int] = []
    for rung in rungs:
        peak = rung.predict(choices.least_caches, process).peak + SLACK
        if budget is None or peak <= budget:
            caches = choices.caches if budget is None else _fit_caches(choices, budget - peak)
            return _finish(model, rungs[0], rung, choices, caches, process, budget)
        peaks.append(peak)
    raise _too_small(model, rungs[peaks.index(min(peaks))], min(peaks) + AGAIN, budget or 0)


def _ladder(choices: Choices) -> Iterator[Rung]:
    """What is given up first varies fastest."""
    for view in choices.views:
        for setup in choices.setups:
            for tiles, batch in _halvings(choices.tiles_per_batch, choices.batch):
                yield Rung(setup, view, tiles, batch)


def _halvings(tiles: int, batch: int) -> Iterator[tuple[int, int]]:
    """Micro-batch and batch, the larger of the two halved in turn, down to 1 and 1."""
    yield tiles, batch
    while tiles > 1 or batch > 1:
        tiles, batch = (tiles // 2, batch) if tiles >= batch else (tiles, batch // 2)
        yield tiles, batch


def _fit_caches(choices: Choices, room: int) -> CacheLimits:
    """The caches wanted, or what there is room for: features first, they are the smaller."""
    wanted = choices.caches
    if choices.pinned_caches:
        return wanted
    vision = min(wanted.vision_bytes, room // 4)
    kv = min(wanted.kv_bytes, room - vision)
    return CacheLimits(*(size if size >= SMALLEST_CACHE else 0 for size in (vision, kv)))


def _finish(
    model: str,
    best: Rung,
    rung: Rung,
    choices: Choices,
    caches: CacheLimits,
    process: Process,
    budget: int | None,
) -> LoadPlan:
    found = rung.predict(caches, process)
    load = rung.view.load
    return LoadPlan(
        model=model,
        backend=rung.setup.backend,
        device=rung.setup.device,
        precision=dict(rung.setup.precision),
        tiles_per_batch=rung.tiles_per_batch,
        resolution=rung.view.resolution,
        longest_edge=rung.view.longest_edge,
        max_side=rung.view.max_side,
        tiles=load.tiles,
        batch=rung.batch,
        context=load.sequence,
        vision_cache_bytes=caches.vision_bytes,
        kv_cache_bytes=caches.kv_bytes,
        budget_bytes=budget,
        predicted_bytes=found.peak,
        stages=found.stages,
        parts=found.parts,
        given_up=tuple(_given_up(best, rung, choices.caches, caches)),
    )


def _given_up(best: Rung, rung: Rung, wanted: CacheLimits, caches: CacheLimits) -> Iterator[str]:
    if caches != wanted:
        yield f"caches: {format_bytes(wanted.total)} -> {format_bytes(caches.total)}"
    if rung.tiles_per_batch != best.tiles_per_batch:
        yield f"tiles per micro-batch: {best.tiles_per_batch} -> {rung.tiles_per_batch}"
    if rung.batch != best.batch:
        yield f"requests together: {best.batch} -> {rung.batch}"
    if rung.setup.precision != best.setup.precision:
        yield f"precision: {_names(best.setup)} -> {_names(rung.setup)}"
    if rung.view.longest_edge != best.view.longest_edge:
        yield f"longest edge: {best.view.longest_edge} px -> {rung.view.longest_edge} px"


def _names(setup: Setup) -> str:
    return describe_precision(setup.backend, setup.precision)


def _too_small(model: str, rung: Rung, needed: int, budget: int) -> OutOfMemoryBudget:
    setup = rung.setup
    return OutOfMemoryBudget(
        f"{model} does not fit into {format_bytes(budget)}: the smallest of the allowed ways to "
        f"run it ({setup.backend} {_names(setup)} on {setup.device}, images up to "
        f"{rung.view.longest_edge} px, {rung.view.load.sequence} tokens) takes "
        f"{format_bytes(needed)}",
        f"Use a memory budget of {format_bytes(needed)} or more, a smaller model, or pin less "
        "(precision, resolution, cache).",
        needed,
    )
