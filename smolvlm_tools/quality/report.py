"""The result of a measurement, the bounds it must keep to, and where it does not (ADR 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..machine.amounts import check_number
from .divergence import Divergence
from .scripts import PASSAGES
from .tasks import TaskScore

MANY_SAMPLES, MANY_POSITIONS = 200, 256
TASK_LOSS, FEW_TASK_LOSS = 0.02, 0.05


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far an engine may be from the reference.

    Attributes:
        kl: mean KL in nats, on every text.
        perplexity: rise of the passage's perplexity; 0.01 is one per cent. Not applied where fewer
            than 256 positions were read: chance alone moves 32 positions by 2 % at a KL within the
            bound (sqrt(2 KL / positions)). Nor to the reference's own replies, which the model
            that chose them always finds likeliest.
        task_loss: how much worse a task's score may be; None means 0.02, or 0.05 where there are
            fewer than 200 samples and a few answers that flip by chance weigh as much.
    """

    kl: float = 0.01
    perplexity: float = 0.01
    task_loss: float | None = None

    def __post_init__(self) -> None:
        for name in ("kl", "perplexity", "task_loss"):
            if (bound := getattr(self, name)) is not None:
                check_number(name, bound, 0, math.inf)

    def task(self, samples: int) -> float:
        """The bound on the loss of a score over this many samples."""
        if self.task_loss is not None:
            return self.task_loss
        return TASK_LOSS if samples >= MANY_SAMPLES else FEW_TASK_LOSS


@dataclass(frozen=True, slots=True)
class Broken:
    """A bound that was not kept, in the text or task `where`."""

    where: str
    what: Literal["mean KL", "perplexity rise", "loss"]
    found: float
    bound: float


@dataclass(frozen=True, slots=True)
class TextQuality:
    """One group of scripts.

    Attributes:
        group: "passage, by token", "passage, in one pass", "text prompts" or "image prompts" (the
            reference's greedy replies), or "image answers" (the right ones).
        divergence: over all its positions.
        judged: whether bounds apply; see `can_read`.
        replies: how many replies there were; 0 where the text was given.
        same_replies: how many of them the engine would give itself, to the end.
        same_tokens: how many tokens of a reply the engine would give itself before it departs
            from it, on average; None where the text was given.
        reply_tokens: how many tokens a reply has, on average; None where the text was given.
    """

    group: str
    divergence: Divergence
    judged: bool = True
    replies: int = 0
    same_replies: int = 0
    same_tokens: float | None = None
    reply_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class ComponentQuality:
    """The effect of one component alone, while all others are the reference's.

    Attributes:
        component: "vision" (with the connector), "embed", "decoder" (with the output matrix), or
            "all" for everything together.
        error: |found - reference| / |reference| of the features or embeddings it returns; None
            for components that return logits.
        logit_error: the same for the final logits; see `Divergence`.
        mean_kl, same_top: of the final next-token distributions.
    """

    component: str
    error: float | None
    logit_error: float
    mean_kl: float
    same_top: float


@dataclass(frozen=True, slots=True)
class EngineQuality:
    """One engine against its reference.

    Attributes:
        reference: what it was compared with, e.g. "onnx fp32".
        components: each alone, on the prompts with images, or on those without if images were
            left out.
        texts: one entry per group.
    """

    backend: str
    precision: str
    device: str
    reference: str
    components: tuple[ComponentQuality, ...]
    texts: tuple[TextQuality, ...]
    tasks: tuple[TaskScore, ...]
    broken: tuple[Broken, ...]

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}"


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All engines measured on one checkpoint."""

    checkpoint: str
    bounds: Bounds
    engines: tuple[EngineQuality, ...]

    @property
    def within_bounds(self) -> bool:
        return not any(engine.broken for engine in self.engines)


def can_read(passage: Divergence | None, vocabulary: int) -> bool:
    """Whether the reference reads the passage's language at all, so that bounds apply to it.

    Where it does worse than guessing among all tokens, its distributions are noise that no engine
    needs to reproduce.
    """
    return passage is not None and passage.reference_perplexity <= vocabulary


def all_broken(
    texts: Mapping[str, Divergence], tasks: Iterable[TaskScore], bounds: Bounds
) -> tuple[Broken, ...]:
    """Every bound that is not kept by texts, given by group, and by the scores of tasks."""
    found: list[Broken] = []
    for group, text in texts.items():
        found.append(Broken(group, "mean KL", text.mean_kl, bounds.kl))
        if group in PASSAGES and text.positions >= MANY_POSITIONS:
            rise = text.perplexity_rise
            found.append(Broken(group, "perplexity rise", rise, bounds.perplexity))
    found += [Broken(task.name, "loss", task.loss, bounds.task(task.samples)) for task in tasks]
    return tuple(each for each in found if each.found > each.bound)
