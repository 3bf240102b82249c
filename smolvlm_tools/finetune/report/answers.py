"""Held-out questions, answered by the product's own engine: what a user will get."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ...engine.smolvlm import SmolVLM
from ...errors import SmolVLMError
from ...types import ImagePart, Message, Resolution, TextPart
from ..samples import Sample, Samples

_TOGETHER = 8
_SPARE = 1.5
"""Tokens that an answer may have for each character of the longest expected one, at most."""


def choose(samples: Samples, count: int, seed: int = 0) -> list[Sample]:
    """Some samples, the same for the same seed, in the order of their file."""
    numbers = range(len(samples))
    if len(samples) > count:
        numbers = sorted(random.Random(seed).sample(numbers, count))
    return [samples[number] for number in numbers]


def question_of(sample: Sample) -> tuple[Message, ...]:
    """All turns but the last answer."""
    return sample.messages[:-1]


def asked(sample: Sample) -> str:
    """The words of the last question."""
    return _text(sample.messages[-2])


def expected(sample: Sample) -> str:
    """The words of the last answer."""
    return _text(sample.messages[-1])


def first_image(sample: Sample) -> str | None:
    """The first image of the last turn that has one."""
    for message in reversed(sample.messages):
        for part in message.content:
            if isinstance(part, ImagePart):
                return str(part.image)
    return None


def answer(
    vlm: SmolVLM,
    samples: Sequence[Sample],
    resolution: Resolution = "auto",
    on_answer: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Greedy answers, some at a time.

    Args:
        on_answer: called with how many there are, and how many there will be.

    Raises:
        SmolVLMError: the engine refuses a question.
    """
    longest = max((len(expected(sample)) for sample in samples), default=0)
    most = max(16, min(512, int(longest * _SPARE)))
    found: list[str] = []
    for start in range(0, len(samples), _TOGETHER):
        few = samples[start : start + _TOGETHER]
        questions = [question_of(sample) for sample in few]
        for result in vlm.batch(questions, resolution=resolution, max_new_tokens=most):
            if isinstance(result, SmolVLMError):  # `batch` raises instead, unless asked not to
                raise result
            found.append(result.text.strip())
        if on_answer is not None:
            on_answer(len(found), len(samples))
    return found


def _text(message: Message) -> str:
    return " ".join(p.text.strip() for p in message.content if isinstance(p, TextPart))
