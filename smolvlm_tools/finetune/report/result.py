"""What a report says: answers before and after, and what they are worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..samples import Sample
from .answers import asked, expected, first_image
from .scores import Scores, is_exact, score_answers


@dataclass(frozen=True, slots=True)
class Answered:
    """A held-out sample.

    Attributes:
        image: the first image of its question; None where it has none.
    """

    place: str
    image: str | None
    question: str
    expected: str
    before: str
    after: str

    @classmethod
    def of(cls, sample: Sample, before: str, after: str) -> Answered:
        image = first_image(sample)
        return cls(sample.place, image, asked(sample), expected(sample), before, after)

    @property
    def change(self) -> str:
        """Whether it was, and is, exactly right: "gained", "lost", "right" or "wrong"."""
        was, now = is_exact(self.before, self.expected), is_exact(self.after, self.expected)
        if was == now:
            return "right" if now else "wrong"
        return "gained" if now else "lost"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run.

    Attributes:
        settings: what the run was asked to do, for the record.
        held_out_loss: before the first step and after the last; None where nothing is held apart.
        answers: some of the held-out samples.
    """

    model: str
    data: str
    samples: int
    held_out_samples: int
    steps: int
    seconds: float
    held_out_loss: tuple[float, float] | None
    answers: tuple[Answered, ...] = ()
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def before(self) -> Scores:
        return score_answers([(each.before, each.expected) for each in self.answers])

    @property
    def after(self) -> Scores:
        return score_answers([(each.after, each.expected) for each in self.answers])

    def as_json(self) -> dict[str, Any]:
        """All of it; data URIs are shortened."""
        found = asdict(self)
        for each in found["answers"]:
            if each["image"] and each["image"].startswith("data:"):
                each["image"] = "data:…"
        found["scores"] = {"before": asdict(self.before), "after": asdict(self.after)}
        return found
