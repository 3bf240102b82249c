"""What a precision must keep to, and what of a measurement does not. See docs/adr/0005."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .divergence import Divergence
from .scripts import PASSAGES
from .tasks import TaskScore

MANY_SAMPLES, MANY_POSITIONS = 200, 256
TASK_LOSS, FEW_TASK_LOSS = 0.02, 0.05


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on how far from the reference an engine may be.

    Attributes:
        kl: mean KL in nats, on every text.
        perplexity: rise of the passage's perplexity; 0.01 is one per cent. Not where fewer than 256
            positions were read: chance alone moves 32 positions by 2 % at a KL within the bound
            (sqrt(2 KL / positions)). Not of the reference's own replies: whoever chose them finds
            them the likeliest.
        task_loss: how much worse a task's score may be; None means 0.02, and 0.05 where there are
            fewer than 200 samples: there a few answers that flip by chance weigh as much.
    """

    kl: float = 0.01
    perplexity: float = 0.01
    task_loss: float | None = None

    def task(self, samples: int) -> float:
        """The bound on the loss of a score over so many samples."""
        if self.task_loss is not None:
            return self.task_loss
        return TASK_LOSS if samples >= MANY_SAMPLES else FEW_TASK_LOSS


@dataclass(frozen=True, slots=True)
class Broken:
    """A bound that was not kept.

    Attributes:
        where: the text or the task.
        what: "mean KL", "perplexity rise" or "loss".
        found, bound: both numbers.
    """

    where: str
    what: str
    found: float
    bound: float


def can_read(passage: Divergence | None, vocabulary: int) -> bool:
    """Whether the reference speaks the passage's language at all, so that bounds apply to it.

    Where it does worse than guessing among all tokens alike, its distributions are noise that
    nobody wants to be kept.
    """
    return passage is not None and passage.reference_perplexity <= vocabulary


def broken_by_text(group: str, found: Divergence, bounds: Bounds) -> list[Broken]:
    """The bounds that a text's distributions break."""
    broken: list[Broken] = []
    if found.mean_kl > bounds.kl:
        broken.append(Broken(group, "mean KL", found.mean_kl, bounds.kl))
    rise = found.perplexity_rise
    enough = group in PASSAGES and found.positions >= MANY_POSITIONS
    if enough and rise > bounds.perplexity:
        broken.append(Broken(group, "perplexity rise", rise, bounds.perplexity))
    return broken


def broken_by_task(task: TaskScore, bounds: Bounds) -> list[Broken]:
    """The bound that a task's score breaks."""
    bound = bounds.task(task.samples)
    if task.loss <= bound:
        return []
    return [Broken(task.name, "loss", task.loss, bound)]


def all_broken(
    texts: Mapping[str, Divergence], tasks: Iterable[TaskScore], bounds: Bounds
) -> tuple[Broken, ...]:
    """Every bound that is not kept; `texts` are those that are judged, by group."""
    found = [each for name, text in texts.items() for each in broken_by_text(name, text, bounds)]
    return (*found, *(each for task in tasks for each in broken_by_task(task, bounds)))
