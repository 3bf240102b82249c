"""The loop: step after step from where the run stands, with measurements and states between."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from ..errors import Cancelled, TrainingFailed
from .feed import Feed, Row
from .learning import Learning, Stepped, StepPlan
from .options import FineTuneOptions
from .order import Batch, Order, batches_of, share_of
from .records import OnStep, StepRecord
from .schedule import rate_of
from .state import Progress, States
from .workers import Workers

_A_RUN = 10
"""Measurements, and states, where nobody says how often."""
_NAMED = 8
"""Places of samples that an error names."""


@dataclass(slots=True)
class Loop:
    """A run.

    Attributes:
        training, validation: what is learned from, and what is held apart.
        rate: the highest learning rate.
        told: called after every step, in the first process.
        progress: how far it has come.
    """

    learning: Learning
    workers: Workers
    training: Feed
    validation: Feed
    order: Order
    options: FineTuneOptions
    rate: float
    states: States
    told: OnStep
    progress: Progress = field(default_factory=Progress)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        steps = max(1, math.ceil(self.options.epochs * self.order.steps_per_epoch - 1e-9))
        return min(steps, self.options.max_steps or steps)

    def run(self) -> None:
        """Go on to the end; with `patience`, the weights are then those of the best step.

        Raises:
            TrainingFailed: the loss or the gradient is not finite; the latest state is kept.
            Cancelled: `told` raised it; the state is saved.
        """
        self._resume()
        with closing(self.training.stream(self._batches_left())) as batches:
            while self.progress.step < self.steps and not self.progress.stopped:
                self._advance(batches)
        if self.options.patience is not None and self.progress.best_step:
            self.learning.restore_weights(self.states.load_best())

    def _resume(self) -> None:
        saved = self.states.load()
        if saved is not None:
            self.progress, tensors = saved
            self.learning.restore(tensors)
        elif self.validation.survey.indices:
            self.progress.held_out.append((0, self._measure()))

    def _advance(self, batches: Iterator[list[Row]]) -> None:
        """One step, and what is due after it."""
        progress, started = self.progress, time.perf_counter()
        plan = self._plan(progress.step)
        stepped = self.learning.step(plan, batches, self.training)
        if not stepped.is_finite:
            raise self._failed(plan, stepped)
        seconds = time.perf_counter() - started
        progress.step += 1
        progress.losses.append(stepped.loss)
        held_out = self._watch() if self._is_due(self.options.evaluate_every) else None
        saves = self._is_due(self.options.save_every) or progress.stopped
        if saves:
            self._save()
        tokens = sum(self.order.lengths[each] for each in self.order.samples_of(plan.number))
        record = StepRecord(
            progress.step, stepped.loss, plan.rate, tokens, seconds, stepped.norm, held_out
        )
        self._tell(record, saved=saves)

    def _plan(self, step: int) -> StepPlan:
        samples = self.order.samples_of(step)
        extents = self.training.survey.extents
        return StepPlan(
            number=step,
            batches=len(self._share(step)),
            answers=sum(extents[each].answers for each in samples),
            rate=rate_of(step, self.steps, self.rate, self.options.warmup),
        )

    def _share(self, step: int) -> list[Batch]:
        return share_of(self.order.batches_of(step), self.workers.rank, self.workers.ranks)

    def _batches_left(self) -> Iterator[Batch]:
        # A feed reads ahead; so it has an order of its own, which keeps the epoch it is in.
        order = replace(self.order)
        for step in range(self.progress.step, self.steps):
            yield from share_of(order.batches_of(step), self.workers.rank, self.workers.ranks)

    def _is_due(self, every: int | None) -> bool:
        step = self.progress.step
        return step == self.steps or step % (every or math.ceil(self.steps / _A_RUN)) == 0

    def _watch(self) -> float | None:
        """Measure the held-out loss, and remember the best weights; None if nothing is held out."""
        if not self.validation.survey.indices:
            return None
        progress, loss = self.progress, self._measure()
        learned = [before for step, before in progress.held_out if step]
        is_best = loss < min(learned, default=math.inf)
        progress.held_out.append((progress.step, loss))
        if is_best:
            progress.best_step, progress.waited = progress.step, 0
            if self.options.patience is not None:
                self._save_best()
        else:
            progress.waited += 1
            progress.stopped = progress.waited == self.options.patience
        return loss

    def _measure(self) -> float:
        survey = self.validation.survey
        samples = range(len(survey.indices))
        batches = batches_of(samples, survey.lengths, self.order.batch)
        return self.learning.held_out(batches, self.validation)

    def _save(self) -> None:
        tensors = self.learning.snapshot()  # all processes hand over their parts
        if self.workers.is_first:
            self.states.save(self.progress, tensors)
        self.workers.wait()

    def _save_best(self) -> None:
        weights = self.learning.weights()
        if self.workers.is_first:
            self.states.save_best(weights)
        self.workers.wait()

    def _tell(self, record: StepRecord, *, saved: bool) -> None:
        """Report a step; where that cancels the run, every process ends together."""
        cancelled: Cancelled | None = None
        if self.workers.is_first:
            try:
                self.told(record)
            except Cancelled as error:
                cancelled = error
        if not self.workers.any(cancelled is not None):
            return
        if not saved:
            self._save()
        raise cancelled or Cancelled("the run was cancelled", "Run it again: it goes on.")

    def _failed(self, plan: StepPlan, stepped: Stepped) -> TrainingFailed:
        survey = self.training.survey
        positions = stepped.bad or self.order.samples_of(plan.number)
        places = [survey.places[each] for each in positions]
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        what = "gradient" if math.isfinite(stepped.loss) else "loss"
        return TrainingFailed(
            f"the {what} of step {plan.number + 1} is not finite (loss {stepped.loss:g}, gradient "
            f"{stepped.norm:g}); its samples: {', '.join(places[:_NAMED])}{more}",
            "Look at these samples, lower `learning_rate`, or use `arithmetic='fp32'`. The last "
            "state is kept.",
        )
