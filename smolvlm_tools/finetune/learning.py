"""What computes: one optimizer step, the held-out loss, and what a state consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from ..checkpoint.config import ImageConfig
from ..vision.tiles import normalise
from .feed import Feed, Row
from .loss import AnswerLoss
from .model import Learner
from .options import FineTuneOptions
from .order import Batch, share_of
from .padded import pad
from .workers import Workers

TILES_AT_ONCE = 16
"""Tiles that the frozen vision tower sees together, of one sample."""

_WEIGHTS, _OPTIMIZER = "weights.", "optimizer."
_GATHERED = StateDictOptions(full_state_dict=True, cpu_offload=True)
_LEARNED = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
_FULL = StateDictOptions(full_state_dict=True)
_SOME = StateDictOptions(full_state_dict=True, strict=False)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What a step has to do.

    Attributes:
        number: from 0; the random numbers of dropout depend on it.
        batches: of this process; the others have as many.
        answers: tokens to be learned, of all processes.
        rate: the learning rate.
    """

    number: int
    batches: int
    answers: int
    rate: float


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step came to.

    Attributes:
        loss: mean over the answers' tokens of all processes.
        norm: of the gradient.
        bad: positions of the samples whose loss is not finite, of this process.
    """

    loss: float
    norm: float
    bad: tuple[int, ...]

    @property
    def is_finite(self) -> bool:
        """Whether the weights may be changed by it."""
        return bool(np.isfinite(self.loss) and np.isfinite(self.norm))


class Learning:
    """A model and its optimizer, on the device of this process.

    Args:
        half: compute in bfloat16; weights that learn stay float32.
    """

    def __init__(
        self,
        learner: Learner,
        workers: Workers,
        image: ImageConfig,
        options: FineTuneOptions,
        *,
        half: bool,
    ) -> None:
        self._workers, self._image, self._options, self._half = workers, image, options, half
        self._keeps_features = options.vision == "frozen" and not workers.shards
        self._plain = AnswerLoss(learner.model, trains_vision=options.vision == "train")
        self._module = workers.prepare(self._plain)
        self._trained = [each for each in self._module.parameters() if each.requires_grad]
        optimizer = torch.optim.AdamW(self._trained, lr=0.0, weight_decay=options.weight_decay)
        self._optimizer = workers.prepare_optimizer(optimizer)

    def step(self, plan: StepPlan, batches: Iterator[list[Row]], feed: Feed) -> Stepped:
        """Compute the gradient of a step, and change the weights if it is finite."""
        options, ranks = self._options, self._workers.ranks
        mixed = np.random.SeedSequence([options.seed, plan.number, self._workers.rank])
        torch.manual_seed(int(mixed.generate_state(1)[0]))
        self._module.train()
        losses: list[torch.Tensor] = []
        positions: list[list[int]] = []
        for at, batch in enumerate(islice(batches, plan.batches)):
            is_last = at == plan.batches - 1
            with nullcontext() if is_last else self._workers.accumulating(self._module):
                loss = self._loss(batch, feed)
                (loss * (ranks / plan.answers)).backward()  # processes average their gradients
            losses.append(loss.detach())
            positions.append([position for position, _ in batch if position is not None])
        for parameter in self._trained:
            if parameter.grad is None:  # of the tower, in a step without images
                parameter.grad = torch.zeros_like(parameter)
        norm = float(self._workers.clip(self._trained, options.max_grad_norm))
        sums = torch.stack(losses)
        mean = float(self._workers.sum(sums.sum())) / plan.answers
        bad = chain(*(positions[at] for at in (~sums.isfinite()).nonzero().flatten().tolist()))
        stepped = Stepped(mean, norm, tuple(bad))
        if stepped.is_finite:
            for group in self._optimizer.param_groups:
                group["lr"] = plan.rate
            self._optimizer.step()
        self._optimizer.zero_grad()
        return stepped

    def held_out(self, batches: Sequence[Batch], feed: Feed) -> float:
        """Mean loss over the answers' tokens of all batches; every process does its share."""
        self._module.eval()
        workers = self._workers
        total = torch.zeros(2, device=workers.device, dtype=torch.float64)
        with torch.no_grad():
            for batch in feed.stream(share_of(batches, workers.rank, workers.ranks)):
                total[0] += self._loss(batch, feed)
                total[1] += sum(int(example.is_answer.sum()) for _, example in batch)
        loss, answers = workers.sum(total).tolist()
        return loss / answers

    def snapshot(self) -> dict[str, torch.Tensor]:
        """Weights that learn and the optimizer's moments, in the first process; all must ask."""
        found: dict[str, Any] = get_optimizer_state_dict(  # pyright: ignore[reportAssignmentType]
            self._module, self._inner_optimizer, options=_GATHERED
        )
        moments: dict[str, dict[str, torch.Tensor]] = found.get("state", {})  # of the first only
        return {
            **{_WEIGHTS + name: value for name, value in self.weights().items()},
            **{
                f"{_OPTIMIZER}{name}.{key}": value
                for name, own in moments.items()
                for key, value in own.items()
            },
        }

    def weights(self) -> dict[str, torch.Tensor]:
        """Weights that learn, by their names in transformers' model; as `snapshot`."""
        found: dict[str, Any] = get_model_state_dict(self._module, options=_LEARNED)
        return {name.removeprefix("model."): value for name, value in found.items()}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go back to a snapshot; every process has read all of it."""
        self.restore_weights(_below(tensors, _WEIGHTS))
        found: dict[str, Any] = get_optimizer_state_dict(  # pyright: ignore[reportAssignmentType]
            self._module, self._inner_optimizer, options=_FULL
        )
        moments: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in _below(tensors, _OPTIMIZER).items():
            parameter, _, key = name.rpartition(".")
            moments.setdefault(parameter, {})[key] = value
        found["state"] = moments
        set_optimizer_state_dict(self._module, self._inner_optimizer, found, options=_FULL)

    def restore_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go back to weights as `weights` gives them."""
        named: dict[str, Any] = {"model." + name: value for name, value in weights.items()}
        set_model_state_dict(self._module, named, options=_SOME)

    @property
    def _inner_optimizer(self) -> torch.optim.Optimizer:
        return self._optimizer.optimizer

    def _loss(self, batch: list[Row], feed: Feed) -> torch.Tensor:
        """Sum over the answers' tokens of a batch."""
        device = self._workers.device
        padded = pad([(each.token_ids, each.is_answer) for _, each in batch], device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self._half):
            if self._keeps_features:
                features = list(self._features(batch, feed))
                seen = {"features": torch.cat(features)} if features else {}
            else:
                frames = np.concatenate([example.frames for _, example in batch])
                seen = {"tiles": self._tiles(frames)} if len(frames) else {}
            return self._module(padded.token_ids, padded.is_answer, **seen)

    def _features(self, batch: list[Row], feed: Feed) -> Iterator[torch.Tensor]:
        """What the frozen tower sees.

        Each sample's images are seen by themselves, so that rounding is the same whatever is in
        the batch and whether they were kept: a resumed run has nothing kept.
        """
        for position, example in batch:
            kept = None if position is None else feed.features(position)
            if kept is not None:
                yield kept.to(self._workers.device)
            elif len(example.frames):
                starts = range(0, len(example.frames), TILES_AT_ONCE)
                parts = (example.frames[at : at + TILES_AT_ONCE] for at in starts)
                with torch.no_grad():
                    seen = torch.cat([self._plain.features(self._tiles(part)) for part in parts])
                if position is not None:
                    feed.keep(position, example, seen)
                yield seen

    def _tiles(self, frames: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(normalise(frames, self._image)).to(self._workers.device)


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
