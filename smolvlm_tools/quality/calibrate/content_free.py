"""What a model answers to images that show nothing (contextual calibration, Zhao et al. 2021).

"Calibrate Before Use: Improving Few-Shot Performance of Language Models": an option that is likely
whatever the image shows is likely for its wording alone, and its probability is divided by that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...constraints import Choice
from ...decoding.scales import CLOSEST, Prior
from .asking import Tick, ask, check_raw
from .labels import Question

if TYPE_CHECKING:
    from ...engine.smolvlm import SmolVLM
    from ...types import Resolution, VisionResult

IMAGES = 3
"""Images that are shown for each question."""


@dataclass(frozen=True, slots=True)
class Found:
    """The priors, and the last result, which tells the engine that gave them."""

    priors: list[Prior]
    result: VisionResult


def content_free(size: tuple[int, int], seed: int) -> list[Image.Image]:
    """Grey, white and noise, `size` pixels wide and high."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    plain = [Image.new("RGB", size, colour) for colour in ("#7f7f7f", "white")]
    return [*plain, Image.fromarray(noise)]


def closed(questions: Sequence[Question]) -> list[Question]:
    """The questions that have options."""
    return [
        question
        for question in questions
        if isinstance(question.constraint, Choice) and len(question.constraint.options) > 1
    ]


def find_priors(
    vlm: SmolVLM,
    questions: Sequence[Question],
    resolution: Resolution | None,
    seed: int,
    tick: Tick,
) -> Found:
    """The prior of every set of options; there must be a question.

    A question's is the mean over the images; that of a set of options the geometric mean over the
    questions that have it.
    """
    check_raw(vlm)
    results: list[VisionResult] = []
    logs: dict[frozenset[str], list[dict[str, float]]] = {}
    for question in questions:
        results.clear()
        for image in content_free(question.size, seed):
            results.append(ask(vlm, question, resolution, image))
            tick()
        shown = [result.probabilities or {} for result in results]
        mean = {text: sum(each[text] for each in shown) / IMAGES for text in shown[0]}
        found = {text: math.log(max(p, CLOSEST)) for text, p in mean.items()}
        logs.setdefault(frozenset(found), []).append(found)
    priors: list[Prior] = []
    for several in logs.values():
        options = tuple(several[0])
        means = tuple(sum(each[text] for each in several) / len(several) for text in options)
        priors.append(
            Prior(options=options, logs=tuple(min(0.0, m) for m in means), questions=len(several))
        )
    return Found(priors, results[-1])
