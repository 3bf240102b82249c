"""Held-out pictures with questions and fields for `benchmarks.calibration`.

Their seeds are used by nothing else: not by the training, `examples/embedded_model/evaluate.py` or
`smolvlm quality`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

from benchmarks.paths import ROOT

sys.path.append(str(ROOT / "examples" / "embedded_model"))  # scripts, not a package

from held_out import SHORT, form, scene, schema_of, wanted_fields
from questions_print import fields_of
from render import COLOURS, SHAPES, Picture
from texts import NUMBER_KEYS
from turn import Turn

SEED = 83_000_000
DEVELOPMENT_SEED = 84_000_000
"""For tuning prompts and confidences; `SEED` is for measuring only."""

TYPES: dict[str, Any] = {
    "yes/no": bool,
    "count": int,
    "colour": Literal[tuple(COLOURS)],
    "shape": Literal[SHAPES],
    "printed number": float,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, a question and its answer as text."""

    image: Image.Image
    kind: str
    question: str
    answer: str

    @property
    def value(self) -> bool | int | float | str:
        """The answer as the type of its kind."""
        wanted = TYPES[self.kind]
        if wanted is bool:
            return self.answer == "yes"
        return wanted(self.answer) if wanted in (int, float) else self.answer


@dataclass(frozen=True, slots=True)
class Form:
    """A picture of keys and values, and what `extract` should make of it."""

    image: Image.Image
    schema: dict[str, Any]
    fields: dict[str, Any]


def samples(count: int, seed: int) -> Iterator[Sample]:
    """Questions of all kinds in turn, each about a picture of its own."""
    rng, made = random.Random(seed), 0
    while made < count:
        turn_of = (*SHORT, None)[made % len(TYPES)]
        picture = scene(rng) if turn_of else form(rng)
        turn = turn_of(rng, picture) if turn_of else _printed_number(rng, picture)
        if turn is not None:  # some pictures leave nothing to ask
            made += 1
            yield Sample(picture.image, turn.kind, turn.question, turn.answer)


def forms(count: int, seed: int) -> Iterator[Form]:
    """Pictures of forms with some of their fields."""
    rng = random.Random(seed + 1)
    for _ in range(count):
        picture = form(rng)
        fields = wanted_fields(rng, picture)
        yield Form(picture.image, schema_of(fields), fields)


def _printed_number(rng: random.Random, picture: Picture) -> Turn | None:
    """A question about a number printed in the picture; None where there is none."""
    found = [(k, value) for k, value in fields_of(picture).items() if k in NUMBER_KEYS]
    if not found:
        return None
    key, value = rng.choice(found)
    return Turn("printed number", f"What is the {key}?", value)
