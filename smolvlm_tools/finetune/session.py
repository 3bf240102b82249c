"""A run from a data file to its report: read, plan, train, and answer before and after.

with a Wish: prepare -> Prepared (samples, plan) -> train -> Trained -> report -> files in `out`
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..checkpoint import Checkpoint, open_checkpoint
from ..checkpoint.weights import weights_here
from ..engine.smolvlm import SmolVLM
from ..errors import BadOptions
from ..images import KnownImages
from ..machine.full_disk import full_disk
from ..machine.heap import give_back_large_blocks
from ..machine.meter import resident
from .data import DataOptions, read_split
from .options import FineTuneOptions
from .planning import Place, TrainingPlan, plan_training
from .records import FineTuned, StepRecord
from .report.answers import answer, choose
from .report.board import Board
from .report.log import StepLog, read_log
from .report.result import Answered, Report
from .report.writing import write_curve, write_report
from .samples import Split
from .survey import SurveyedSplit, survey_split

LOG = "log.jsonl"

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is asked to do.

    Attributes:
        model: alias, hub id or folder.
        data: a file or folder; see `read_split`.
        out: folder for all that comes of it.
        validation: a file of samples that are held apart; None for a share of `data`.
        device: "auto", "cpu", "cuda" or "mps".
        memory_budget: bytes; None for no bound.
        answers: held-out questions that are answered before and after, at most.
        tensorboard: also write what TensorBoard reads.
        resume: go on from what an earlier run has left in `out`.
    """

    model: str
    data: Path
    out: Path
    options: FineTuneOptions = field(default_factory=FineTuneOptions)
    reading: DataOptions = field(default_factory=DataOptions)
    validation: Path | None = None
    revision: str | None = None
    local_files_only: bool = False
    device: str = "auto"
    memory_budget: int | None = None
    answers: int = 50
    tensorboard: bool = False
    resume: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is known before the first step."""

    wish: Wish
    checkpoint: Checkpoint
    surveyed: SurveyedSplit
    plan: TrainingPlan

    @property
    def split(self) -> Split:
        """The samples."""
        return self.surveyed.split

    @property
    def options(self) -> FineTuneOptions:
        """With what was left to the memory decided."""
        return self.plan.decide(self.wish.options)


def prepare(wish: Wish, told: Told | None = None) -> Prepared:
    """Open the checkpoint, read and measure all samples, and plan.

    Raises:
        BadSamples: rows cannot be used.
        BadOptions: an impossible option, or nothing to learn from.
        ModelError: the checkpoint cannot be had.
        OutOfMemoryBudget: no batch fits `memory_budget`.
    """
    told = told or _say_nothing
    if wish.out.exists() and not wish.out.is_dir():
        raise BadOptions(f"`out={str(wish.out)!r}` is a file", "Name a folder.")
    checkpoint = open_checkpoint(
        wish.model, revision=wish.revision, local_files_only=wish.local_files_only
    )
    known = KnownImages(limit=sys.maxsize)  # of all samples: each image is decoded once
    split = read_split(
        wish.data,
        wish.reading,
        validation=wish.options.validation if wish.validation is None else wish.validation,
        progress=lambda done, total: told("reading samples", done, total),
        known=known,
    )
    found = survey_split(split, checkpoint, wish.options, known)
    stored = weights_here(checkpoint)
    place = Place(_device(wish.device), wish.memory_budget, resident().now(), _ranks(), stored)
    extents = found.training.extents, found.held_out.extents
    plan = plan_training(checkpoint.config, wish.options, *extents, place)
    return Prepared(wish, checkpoint, found, plan)


def run(prepared: Prepared, on_step: Callable[[StepRecord], None], told: Told) -> Report | None:
    """Train, and write the report.

    Args:
        on_step: called after every step; see `finetune`.

    Returns:
        The report; None in all processes but the first of those that `accelerate launch` starts.

    Raises:
        SmolVLMError: as `finetune`, and as the engine does of the answers.
    """
    wish, started = prepared.wish, time.monotonic()
    with full_disk(wish.out):
        wish.out.mkdir(parents=True, exist_ok=True)
    give_back_large_blocks()  # else freed activations lie about in the heap, twice over
    done = _train(prepared, on_step)
    if os.environ.get("RANK", "0") != "0":
        return None
    seconds = time.monotonic() - started
    records = read_log(wish.out / LOG)
    held_out = (done.held_out[0][1], _kept(done)) if done.held_out else None
    write_curve(wish.out, records, held_out[0] if held_out else None)
    report = Report(
        model=wish.model,
        data=str(wish.data),
        samples=prepared.plan.samples,
        held_out_samples=prepared.plan.held_out,
        steps=done.steps,
        seconds=seconds,
        held_out_loss=held_out,
        answers=_answers(prepared, done, told),
        notes=done.notes,
        settings=asdict(prepared.options),
    )
    write_report(wish.out, report)
    return report


def _train(prepared: Prepared, on_step: Callable[[StepRecord], None]) -> FineTuned:
    from .train import finetune

    wish = prepared.wish
    with _listeners(wish) as listeners:

        def tell(record: StepRecord) -> None:
            for listener in (*listeners, on_step):
                listener(record)

        return finetune(
            prepared.checkpoint,
            prepared.surveyed,
            wish.out,
            prepared.options,
            device=None if wish.device == "auto" else wish.device,
            on_step=tell,
            resume=wish.resume,
        )


@contextmanager
def _listeners(wish: Wish) -> Generator[list[Callable[[StepRecord], None]]]:
    board = Board(wish.out / "tensorboard") if wish.tensorboard else None
    try:
        with StepLog(wish.out / LOG) as log:
            yield [log] if board is None else [log, board]
    finally:
        if board is not None:
            board.close()


def _kept(done: FineTuned) -> float:
    """The held-out loss of the weights that were kept."""
    return next(
        (loss for step, loss in done.held_out if step == done.best_step), done.held_out[-1][1]
    )


def _answers(prepared: Prepared, done: FineTuned, told: Told) -> tuple[Answered, ...]:
    """Held-out questions, answered by the engine with the model before and after."""
    wish = prepared.wish
    few = choose(prepared.split.validation, wish.answers, wish.options.seed)
    if not few:
        return ()
    said: list[list[str]] = []
    for what, model, adapter in (
        ("answering before", wish.model, None),
        ("answering after", *_after(wish, done)),
    ):
        with SmolVLM.load(
            model,
            revision=wish.revision if model == wish.model else None,
            backend="torch",
            adapter=adapter,
            device=wish.device,
            local_files_only=wish.local_files_only,
        ) as vlm:
            said.append(
                answer(
                    vlm, few, wish.options.resolution, lambda at, of, what=what: told(what, at, of)
                )
            )
    before, after = said
    return tuple(Answered.of(*each) for each in zip(few, before, after, strict=True))


def _after(wish: Wish, done: FineTuned) -> tuple[str, str | None]:
    """What a user loads: the model with the adapter, or the checkpoint of full training."""
    if done.adapter is not None:
        return wish.model, str(done.adapter)
    return str(done.checkpoint), None


def _ranks() -> int:
    """How many processes `accelerate launch` or torchrun has started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _device(name: str) -> str:
    """The device that "auto" finds, without torch where there is no accelerator."""
    if name != "auto":
        return name
    from ..machine.accelerator import accelerator

    return accelerator() or "cpu"


def _say_nothing(what: str, done: int, total: int) -> None:
    """Discard progress."""
