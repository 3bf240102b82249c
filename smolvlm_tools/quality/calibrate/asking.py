"""Puts questions to a model, and keeps how sure it was and whether it was right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...constraints import Choice
from ...decoding.scales import Kind, Prior, Scale
from ...errors import BadOptions
from ..reliability import Scored
from .labels import Question
from .right import at, is_right

if TYPE_CHECKING:
    from PIL import Image

    from ...engine.smolvlm import SmolVLM
    from ...types import Resolution, VisionResult

Tick = Callable[[], None]
"""Called after every request."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, or one field of an answer.

    Attributes:
        item: number of the question; the fields of one form share it.
        options: of a closed choice, with their probabilities; else empty.
        wanted: index of the right option.
    """

    item: int
    kind: Kind
    confidence: float
    right: bool
    options: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    wanted: int = -1

    @property
    def raw(self) -> Scored:
        return self.confidence, self.right

    def scaled(self, by: Scale | Prior | None) -> Scored:
        """What its confidence becomes, and whether the answer is right then."""
        if by is None:
            return self.raw
        if not self.options:
            confidence = by.scalar(self.confidence) if isinstance(by, Scale) else self.confidence
            return confidence, self.right
        make = by.options if isinstance(by, Scale) else by.correct
        found = make(self.options, self.probabilities)
        return max(found), found.index(max(found)) == self.wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """All answers, and the last result, which tells the engine that gave them."""

    answered: list[Answered]
    result: VisionResult


def ask_all(
    vlm: SmolVLM, questions: Sequence[Question], resolution: Resolution | None, tick: Tick
) -> Asked:
    """Ask every question, of which there is one at least, as a user would."""
    check_raw(vlm)
    answered: list[Answered] = []
    results: list[VisionResult] = []
    for item, question in enumerate(questions):
        results[:] = [ask(vlm, question, resolution)]
        answered += judge(item, question, results[0])
        tick()
    return Asked(answered, results[0])


def check_raw(vlm: SmolVLM) -> None:
    """Refuse a model whose confidences are calibrated already."""
    if vlm.calibration is not None:
        raise BadOptions(
            "the model has a calibration already", "Load it without one, and calibrate that."
        )


def ask(
    vlm: SmolVLM,
    question: Question,
    resolution: Resolution | None,
    image: Image.Image | None = None,
) -> VisionResult:
    """Put one question about its image, or about another one."""
    source = question.image if image is None else image
    if question.schema is not None:
        return vlm.extract(source, question.schema, resolution=resolution)
    return vlm.ask(source, question.text, answer=question.constraint, resolution=resolution)


def judge(item: int, question: Question, result: VisionResult) -> list[Answered]:
    """The answer, and the fields it has."""
    said = result.text if question.constraint is None else result.value
    wanted, kind = question.wanted, question.kind
    right = is_right(said, wanted)
    if isinstance(question.constraint, Choice):
        probabilities = result.probabilities or {}
        values = [value for _, value in question.constraint.options]
        options = tuple(probabilities), tuple(probabilities.values())
        return [Answered(item, kind, result.confidence, right, *options, values.index(wanted))]
    fields = [
        Answered(item, "field", sure, is_right(at(said, pointer), at(wanted, pointer)))
        for pointer, sure in (result.field_confidence or {}).items()
    ]
    return [Answered(item, kind, result.confidence, right), *fields]


def by_item(answered: Sequence[Answered]) -> list[list[Answered]]:
    """The answers that belong together."""
    items: dict[int, list[Answered]] = {}
    for each in answered:
        items.setdefault(each.item, []).append(each)
    return list(items.values())
