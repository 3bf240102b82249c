"""`finetune`: samples in, an adapter and a merged checkpoint out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoint import Checkpoint
from ..errors import BackendUnavailable, BadOptions
from ..machine.exhaustion import out_of_memory, ran_out
from ..machine.packages import installed
from .encoding import Encoder
from .options import FineTuneOptions
from .order import Order
from .records import FineTuned, OnStep, StepRecord
from .samples import Split
from .survey import SurveyedSplit, survey_split

if TYPE_CHECKING:
    from .loop import Loop
    from .model import Learner
    from .workers import Workers

PACKAGES = ("torch", "transformers", "accelerate", "peft", "safetensors")
ADAPTER, CHECKPOINT, STATE = "adapter", "checkpoint", "state"
RATES = {"lora": 2e-4, "full": 2e-5}
FEATURE_BYTES = 1_000_000_000
"""That features of images may take between epochs, for training and held-out samples together."""


def finetune(
    checkpoint: Checkpoint,
    split: Split | SurveyedSplit,
    out: Path,
    options: FineTuneOptions,
    *,
    device: str | None = None,
    on_step: OnStep | None = None,
    resume: bool = True,
) -> FineTuned:
    """Train a checkpoint on conversations about images.

    `out` gets `adapter` (where matrices are added: the files of PEFT), `checkpoint` (the merged
    model) and `state` (what a run that was ended goes on from, to the very same weights). Under
    `accelerate launch` all processes call this alike; the first of them writes.

    Args:
        split: the samples; where they are surveyed already, by this checkpoint and these options.
        device: "cpu", "cuda" or "mps"; None for the one accelerate finds.
        on_step: told after every step; a step is told again where a killed run takes it again.
        resume: go on from the state in `out`, if there is one; else it is removed.

    Raises:
        BadOptions: there is nothing to learn from, or the state in `out` is that of another run.
        BackendUnavailable: a package of the extra `train`, or the device, is missing.
        TrainingFailed: the loss or a gradient is not finite; the last state is kept.
        OutOfMemoryBudget: memory ran out.
        StoreFull: the disk is full; the last state that was whole is kept.
        Cancelled: `on_step` raised it; the state is saved.
        InputError: a sample cannot be used; the reason begins with its place.
        ModelError: the checkpoint cannot be trained.
    """
    require_train_packages()
    from .workers import Workers

    workers = Workers.join(device, some_unused=options.vision == "train")
    if isinstance(split, Split):
        split = survey_split(split, checkpoint, options)
    job = _Job(checkpoint, split, out, _decided(options, workers), workers)
    try:
        return job.run(on_step or _say_nothing, resume=resume)
    except (RuntimeError, MemoryError) as error:
        if ran_out(error):
            raise out_of_memory("training", error) from error
        raise


def require_train_packages() -> None:
    """Raise `BackendUnavailable` unless all of the extra `train` is installed."""
    missing = [name for name in PACKAGES if not installed(name)]
    if missing:
        raise BackendUnavailable(
            f"fine-tuning needs {', '.join(missing)}, not installed here",
            "Run `pip install 'smolvlm-tools[train]'`.",
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """One run in one process; nothing of the options is left open."""

    checkpoint: Checkpoint
    found: SurveyedSplit
    out: Path
    options: FineTuneOptions
    workers: Workers

    def run(self, told: OnStep, *, resume: bool) -> FineTuned:
        """Train, and write what was learned."""
        if not self.found.training.indices:
            raise BadOptions(
                "there are no samples to learn from",
                "Give more samples, shorten them, or use `too_long='coarser'`.",
            )
        learner = self.open()
        loop = self.loop(learner, told)
        if not resume and self.workers.is_first:
            loop.states.clear()
        self.workers.wait()
        loop.run()
        self.write(learner, loop)
        progress = loop.progress
        return FineTuned(
            adapter=None if learner.adapted is None else self.out / ADAPTER,
            checkpoint=self.out / CHECKPOINT,
            steps=progress.step,
            losses=tuple(progress.losses),
            held_out=tuple(progress.held_out),
            best_step=progress.step if self.options.patience is None else progress.best_step,
            notes=self.found.notes,
        )

    def open(self) -> Learner:
        """The model, with its weights as this run computes with them."""
        from .model import open_learner, round_frozen_weights

        learner = open_learner(self.checkpoint, self.options)
        if self.options.arithmetic == "bf16" and not self.workers.shards:
            round_frozen_weights(learner)
        if self.options.checkpointing:
            learner.model.gradient_checkpointing_enable({"use_reentrant": False})
        return learner

    def loop(self, learner: Learner, told: OnStep) -> Loop:
        """The run, not yet begun."""
        from .feed import Feed
        from .learning import Learning
        from .loop import Loop
        from .state import States

        options, workers, found = self.options, self.workers, self.found
        half = options.arithmetic == "bf16"
        image = self.checkpoint.config.image
        learning = Learning(learner, workers, image, options, half=half)
        keeps = FEATURE_BYTES // 2 if options.vision == "frozen" else 0
        training, validation = (
            # A tokenizer may be used by one thread at a time, so each has its own.
            Feed(samples, survey, Encoder(self.checkpoint, options.resolution), keeps)
            for samples, survey in (
                (found.split.training, found.training),
                (found.split.validation, found.held_out),
            )
        )
        assert options.batch_size != "auto" and options.learning_rate is not None
        per_step = options.accumulate * workers.ranks
        order = Order(found.training.lengths, options.batch_size, per_step, options.seed)
        states = States(self.out / STATE, self.identity())
        return Loop(
            learning,
            workers,
            training,
            validation,
            order,
            options,
            options.learning_rate,
            states,
            told,
        )

    def identity(self) -> dict[str, Any]:
        """What has to be the same for a run to go on."""
        surveys = self.found.training, self.found.held_out
        seen = [[survey.places, survey.lengths] for survey in surveys]
        options = asdict(self.options)
        del options["save_every"]
        return {
            **options,
            "checkpoint": self.checkpoint.id,
            "revision": self.checkpoint.revision,
            "processes": self.workers.ranks,
            "samples": hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16],
        }

    def write(self, learner: Learner, loop: Loop) -> None:
        """Write the adapter and the merged checkpoint, in the first process."""
        from .outputs import write_adapter, write_merged, write_trained

        weights = loop.learning.weights()
        if self.workers.is_first and learner.adapted is None:
            write_trained(self.checkpoint, weights, self.out / CHECKPOINT)
        elif self.workers.is_first:
            write_adapter(learner.adapted, weights, self.out / ADAPTER)
            write_merged(self.checkpoint, self.out / ADAPTER, self.out / CHECKPOINT)
        self.workers.wait()


def _decided(options: FineTuneOptions, workers: Workers) -> FineTuneOptions:
    """The options with nothing left open; memory is the caller's to plan."""
    arithmetic = options.arithmetic
    if arithmetic == "auto":
        arithmetic = "bf16" if workers.computes_in_bf16 else "fp32"
    return replace(
        options,
        arithmetic=arithmetic,
        batch_size=1 if options.batch_size == "auto" else options.batch_size,
        checkpointing=bool(options.checkpointing),
        learning_rate=options.learning_rate or RATES[options.method],
    )


def _say_nothing(record: StepRecord) -> None:
    """Discard a record."""
