"""How sure the model was of each of its lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...types import Token


def line_confidences(
    tokens: Sequence[Token] | None, lines: Sequence[str], overall: float
) -> list[float]:
    """The geometric mean of the probabilities of each line's tokens.

    `overall` for every line where that cannot be told: the reply has no log-probabilities, or its
    lines are not those of its tokens.

    Args:
        lines: of the reply's text, also the empty ones.
    """
    logprobs: list[list[float]] = [[]]
    for token in tokens or ():
        if token.text.strip() or len(logprobs[-1]):
            logprobs[-1].append(token.logprob)
        for _ in range(token.text.count("\n")):
            logprobs.append([])
    while len(logprobs) > len(lines) and not logprobs[0]:
        del logprobs[0]  # lines before the text
    while len(logprobs) > len(lines) and not logprobs[-1]:
        del logprobs[-1]
    if len(logprobs) != len(lines):
        return [overall] * len(lines)
    return [math.exp(sum(line) / len(line)) if line else overall for line in logprobs]
