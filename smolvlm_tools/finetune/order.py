"""Which samples each step learns from: a pure function, so a run resumes where it stood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_WINDOW = 32
"""Steps whose samples are sorted by length together: more pad less, fewer mix better."""

Batch = tuple[int, ...]
"""Positions of samples that are computed together; none for a process that has nothing to do."""


def batches_of(samples: Sequence[int], lengths: Sequence[int], batch: int) -> list[Batch]:
    """Batches of samples of nearly the same length."""
    ordered = sorted(samples, key=lambda each: (lengths[each], each))
    return [tuple(ordered[at : at + batch]) for at in range(0, len(ordered), batch)]


def share_of(batches: Sequence[Batch], rank: int, ranks: int) -> list[Batch]:
    """The batches of one process; all get the same number, if need be empty ones."""
    padded = [*batches, *[()] * (-len(batches) % ranks)]
    return padded[rank::ranks]


@dataclass(slots=True)
class Order:
    """The order of a run.

    Every epoch has all samples once, in steps of their own; the last of them may be smaller. The
    samples of a step are of similar length, so that batches pad little, and the steps of an epoch
    are in random order.

    Args:
        lengths: of the samples, in tokens.
        batch: samples computed together.
        per_step: batches of a step, of all processes together.
        seed: of the order.
    """

    lengths: Sequence[int]
    batch: int
    per_step: int
    seed: int
    _epoch: tuple[int, list[list[int]]] | None = field(default=None, init=False)

    @property
    def steps_per_epoch(self) -> int:
        """Steps that see every sample once."""
        return math.ceil(len(self.lengths) / (self.batch * self.per_step))

    def samples_of(self, step: int) -> list[int]:
        """Positions of the samples of step `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1][place]

    def batches_of(self, step: int) -> list[Batch]:
        """The batches of step `step`, of all processes."""
        return batches_of(self.samples_of(step), self.lengths, self.batch)

    def _shuffled(self, epoch: int) -> list[list[int]]:
        """The steps of an epoch."""
        chance = np.random.default_rng([self.seed, epoch])
        shuffled: list[int] = chance.permutation(len(self.lengths)).tolist()
        size = self.batch * self.per_step
        steps: list[list[int]] = []
        for start in range(0, len(shuffled), size * _WINDOW):
            window = shuffled[start : start + size * _WINDOW]
            # Of samples as long as each other the shuffled order stays.
            window.sort(key=self.lengths.__getitem__)
            steps += [window[at : at + size] for at in range(0, len(window), size)]
        return [steps[at] for at in chance.permutation(len(steps))]
