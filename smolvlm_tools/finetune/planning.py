"""How a run will go, before it goes: batch, steps, and the memory that they take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..checkpoint.config import ModelConfig
from ..errors import OutOfMemoryBudget
from ..machine.amounts import format_bytes
from ..types import Value
from .encoding import Extent
from .memory import BatchShape, TrainingFootprint, predict
from .options import FineTuneOptions

LARGEST_BATCH = 16
FEWEST_STEPS = 100
"""A larger batch would leave fewer steps: a small set of samples would hardly be learned."""

_STEP = 64 * 10**6


class TrainingPlan(Value):
    """What a run of training will do and take.

    Attributes:
        samples, held_out: that are learned from, and held apart.
        longest: tokens of the longest of them; `answers` of them, at most, are learned.
        tiles: of the images of one sample, at most.
        trained, numbers: weights that learn, of all.
        batch_size: samples computed together.
        checkpointing: whether activations are computed again instead of being kept.
        steps: of the optimizer.
        predicted_bytes: peak of the process on a CPU, of the allocator on a GPU.
        budget_bytes: what it must keep to; None for no bound.
        parts: bytes by part; not all are there at once.
    """

    device: str
    method: str
    arithmetic: str
    samples: int
    held_out: int
    longest: int
    answers: int
    tiles: int
    trained: int
    numbers: int
    batch_size: int
    accumulate: int
    checkpointing: bool
    steps: int
    predicted_bytes: int
    budget_bytes: int | None
    parts: dict[str, int]

    def decide(self, options: FineTuneOptions) -> FineTuneOptions:
        """The options, with what they left to the memory decided."""
        return replace(options, batch_size=self.batch_size, checkpointing=self.checkpointing)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run computes.

    Attributes:
        device: "cpu", "cuda" or "mps".
        budget: bytes; None for no bound.
        resident: bytes of the process before it; they count on a CPU only.
        ranks: processes that share the steps, as `accelerate launch` starts them.
        stored: bytes of the weights' files; None where they are not here yet.
    """

    device: str = "cpu"
    budget: int | None = None
    resident: int = 0
    ranks: int = 1
    stored: int | None = None

    @property
    def process(self) -> int:
        """Rounded up, so that the same run is planned alike each time."""
        return math.ceil(self.resident / _STEP) * _STEP if self.device == "cpu" else 0


def plan_training(
    config: ModelConfig,
    options: FineTuneOptions,
    training: Sequence[Extent],
    held_out: Sequence[Extent],
    place: Place,
) -> TrainingPlan:
    """Choose the largest batch that fits, and only where none does, checkpointing.

    An "auto" batch is at most `LARGEST_BATCH`, and leaves at least `FEWEST_STEPS` steps.

    Raises:
        OutOfMemoryBudget: nothing fits.
    """
    least: TrainingPlan | None = None
    for batch, checkpointing in _choices(options, len(training), place.ranks):
        plan = _plan(
            config, replace(options, batch_size=batch), checkpointing, training, held_out, place
        )
        if place.budget is None or plan.predicted_bytes <= place.budget:
            return plan
        if least is None or plan.predicted_bytes < least.predicted_bytes:
            least = plan
    assert least is not None and place.budget is not None
    raise _refusal(least, place.budget, options)


def steps_of(options: FineTuneOptions, samples: int, batch: int, ranks: int = 1) -> int:
    """Optimizer steps of a run."""
    each = math.ceil(samples / (batch * options.accumulate * ranks))
    steps = max(1, math.ceil(options.epochs * each - 1e-9))
    return min(steps, options.max_steps or steps)


def _choices(options: FineTuneOptions, samples: int, ranks: int) -> Iterator[tuple[int, bool]]:
    """Batches and whether there is checkpointing, the best first."""
    if options.batch_size == "auto":
        sizes = [2**power for power in range(LARGEST_BATCH.bit_length())]
        fair = [size for size in sizes if steps_of(options, samples, size, ranks) >= FEWEST_STEPS]
        batches = sorted(fair or [1], reverse=True)
    else:
        batches = [options.batch_size]
    if options.checkpointing is not None:
        yield from ((batch, options.checkpointing) for batch in batches)
        return
    yield from ((batch, False) for batch in batches)
    yield from ((batch, True) for batch in batches)


def _plan(
    config: ModelConfig,
    options: FineTuneOptions,
    checkpointing: bool,
    training: Sequence[Extent],
    held_out: Sequence[Extent],
    place: Place,
) -> TrainingPlan:
    batch, both = int(options.batch_size), [*training, *held_out]
    arithmetic = "fp32" if options.arithmetic == "auto" else options.arithmetic
    footprint = TrainingFootprint(config, options, arithmetic, checkpointing)
    shape = BatchShape.largest(both, batch)
    tiles = [sum(each.tiles for each in side) for side in (training, held_out)]
    parts = predict(footprint, shape, tiles, place.process, place.stored)
    peak = parts.pop("peak")
    return TrainingPlan(
        device=place.device,
        method=options.method,
        arithmetic=arithmetic,
        samples=len(training),
        held_out=len(held_out),
        longest=max((each.tokens for each in both), default=0),
        answers=max((each.answers for each in both), default=0),
        tiles=max((each.tiles for each in both), default=0),
        trained=footprint.trained,
        numbers=footprint.numbers,
        batch_size=batch,
        accumulate=options.accumulate,
        checkpointing=checkpointing,
        steps=steps_of(options, len(training), batch, place.ranks),
        predicted_bytes=peak,
        budget_bytes=place.budget,
        parts=parts,
    )


def _refusal(plan: TrainingPlan, budget: int, options: FineTuneOptions) -> OutOfMemoryBudget:
    needed = format_bytes(plan.predicted_bytes)
    smaller = "Lower `resolution`, or " if options.resolution != 1 else ""
    lighter = "`method='lora'`, " if options.method == "full" else ""
    one = "`batch_size=1`, " if plan.batch_size > 1 else ""
    again = "`checkpointing=True`, " if not plan.checkpointing else ""
    cheaper = f"{lighter}{one}{again}".rstrip(", ")
    lower = f"Or use {cheaper}." if cheaper else ""
    return OutOfMemoryBudget(
        f"training would take {needed} (a batch of {plan.batch_size}, samples of up to "
        f"{plan.longest} tokens and {plan.tiles} tiles), the memory budget is "
        f"{format_bytes(budget)}",
        f"{smaller}raise `memory_budget` to {needed}. {lower}".strip(),
        plan.predicted_bytes,
    )
