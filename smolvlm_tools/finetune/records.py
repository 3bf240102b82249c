"""What a run tells while it learns, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One optimizer step.

    Attributes:
        step: how many there have been, this one included.
        loss: mean over the answer tokens of the step's samples, in nats, before the step.
        rate: the learning rate of this step.
        tokens: all tokens that were read for it, those of images included, padding not.
        seconds: wall time of the step, without what was measured or saved after it.
        grad_norm: length of the gradient before it was cut to `max_grad_norm`.
        held_out_loss: mean over the answer tokens of the samples that are held apart, where it was
            measured after this step.
    """

    step: int
    loss: float
    rate: float
    tokens: int
    seconds: float
    grad_norm: float
    held_out_loss: float | None = None


OnStep: TypeAlias = Callable[[StepRecord], None]
"""Called after every step, in the first process only. If it raises `Cancelled`, the state is saved
before that ends the run."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A finished run.

    Attributes:
        adapter: folder in PEFT's format; None where all weights were trained.
        checkpoint: folder of the merged model, for `SmolVLM.load` and `smolvlm export`.
        steps: optimizer steps that were taken.
        losses: of every step; see `StepRecord.loss`.
        held_out: steps and held-out losses, the first before any step; empty where nothing is
            held apart.
        best_step: the step whose weights were kept; the last one but where `patience` is set.
        notes: what was left out or changed, a line each, for the person.
    """

    adapter: Path | None
    checkpoint: Path
    steps: int
    losses: tuple[float, ...]
    held_out: tuple[tuple[int, float], ...]
    best_step: int
    notes: tuple[str, ...]
