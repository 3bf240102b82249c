"""The values a measurement results in; knows no engine and no screen."""

from __future__ import annotations

from dataclasses import dataclass

from .bounds import Bounds, Broken
from .divergence import Divergence
from .tasks import TaskScore


@dataclass(frozen=True, slots=True)
class TextQuality:
    """One group of scripts.

    Attributes:
        group: "passage, by token", "passage, in one pass", "text prompts" or "image prompts" (the
            reference's greedy replies), or "image answers" (the right ones).
        divergence: over all its positions.
        judged: whether bounds apply; see `bounds.can_read`.
        replies: how many replies there were; 0 where the text was given.
        same_replies: of these, how many the engine would give itself, to the end.
        same_tokens: how many tokens of a reply the engine would give itself before it parts, on
            average; None where the text was given.
        reply_tokens: how many tokens a reply has, on average.
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
    """What one component does alone, all others being the reference's.

    Attributes:
        component: "vision" (with the connector), "embed", "decoder" (with the output matrix), or
            "all" for everything together.
        error: |found - reference| / |reference| of the features or embeddings it gives; None where
            logits are what it gives.
        logit_error: the same of the logits in the end; see `Divergence`.
        mean_kl, same_top: of the next-token distributions in the end.
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
        backend, precision, device: what ran.
        reference: what it was compared with, e.g. "onnx fp32".
        components: each alone, on the prompts with images (on those without if images are left
            out).
        texts: by group.
        tasks: scores, where there were tasks.
        broken: bounds that were not kept.
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
