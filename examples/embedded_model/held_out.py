"""The pictures that models are measured on: of common sizes, from seeds used for nothing else."""

from __future__ import annotations

import random

from questions import ask_colour, ask_count, ask_presence, ask_shape
from render import Picture, render_scene, render_text

SIZES = (
    (128, 128), (128, 96), (200, 200), (256, 256), (320, 240), (400, 300), (300, 400), (512, 512),
    (640, 480), (800, 600), (640, 360), (512, 256),
)  # fmt: skip
SEED = 77_000_000  # far from every training seed
SHORT = (ask_count, ask_colour, ask_shape, ask_presence)


def scene(rng: random.Random) -> Picture:
    """A held-out picture of 1-4 shapes."""
    return render_scene(rng, rng.choice(SIZES))


def printed(rng: random.Random) -> Picture:
    """A held-out picture of 1-4 printed lines."""
    return render_text(rng, rng.choice(("strip", "page", "page", "wide")))
