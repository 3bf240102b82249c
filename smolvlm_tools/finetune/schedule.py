"""The learning rate of a step."""

from __future__ import annotations

import math


def rate_of(step: int, steps: int, highest: float, warmup: float) -> float:
    """Rises along a line, then falls as half a cosine that ends near 0.

    Args:
        step: from 0.
        steps: of the whole run.
        warmup: the part of the steps in which it rises.
    """
    rising = min(round(warmup * steps), steps - 1)
    if step < rising:
        return highest * (step + 1) / (rising + 1)
    return highest * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2
