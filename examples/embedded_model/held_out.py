"""The pictures that models are measured on: of common sizes, from seeds used for nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from questions import ask_colour, ask_count, ask_presence, ask_shape
from questions_print import fields_of, parse_value
from render import Picture, render_scene, render_text
from texts import AMOUNT_KEYS, COUNT_KEYS, sample_form

SIZES = (
    (128, 128), (128, 96), (200, 200), (256, 256), (320, 240), (400, 300), (300, 400), (512, 512),
    (640, 480), (800, 600), (640, 360), (512, 256),
)  # fmt: skip
SEED = 77_000_000  # far from every training seed
STYLES = ("strip", "page", "page", "wide")
SHORT = (ask_count, ask_colour, ask_shape, ask_presence)


def scene(rng: random.Random) -> Picture:
    """A held-out picture of 1-4 shapes."""
    return render_scene(rng, rng.choice(SIZES))


def printed(rng: random.Random) -> Picture:
    """A held-out picture of 1-4 printed lines."""
    return render_text(rng, rng.choice(STYLES))


def form(rng: random.Random) -> Picture:
    """A held-out picture of 1-4 lines of which at least one is a key with its value."""
    while True:
        picture = render_text(rng, rng.choice(STYLES), sample_form(rng, 24, 4))
        if fields_of(picture):
            return picture


def wanted_fields(rng: random.Random, picture: Picture) -> dict[str, Any]:
    """Some of the keys of a form with their values: numbers as numbers, other text as text."""
    fields = fields_of(picture)
    keys = rng.sample(list(fields), rng.randint(1, len(fields)))
    return {key: parse_value(key, fields[key]) for key in keys}


def schema_of(keys: Iterable[str]) -> dict[str, Any]:
    """The JSON schema that `extract` is asked with for these keys."""
    types = dict.fromkeys(AMOUNT_KEYS, "number") | dict.fromkeys(COUNT_KEYS, "integer")
    properties = {key: {"type": types.get(key, "string")} for key in keys}
    return {"type": "object", "properties": properties, "required": list(properties)}
