"""Examples → one padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..arrays import TokenIds

PADDING = 0
"""A token that is no image's; what it is matters to nothing."""


@dataclass(frozen=True, slots=True)
class Padded:
    """A batch on the device.

    Rows are padded at their end. A decoder's tokens see only what stands before them, so no token
    of a sample ever sees padding and each has the position it has alone: no mask is needed, and
    attention may take its fastest, purely causal form.

    Attributes:
        token_ids: (B, L) int64.
        is_answer: (B, L) bool.
    """

    token_ids: torch.Tensor
    is_answer: torch.Tensor


def pad(
    rows: Sequence[tuple[TokenIds, NDArray[np.bool_]]], device: torch.device | str = "cpu"
) -> Padded:
    """Pad tokens, and whether each is an answer's, to the longest row."""
    longest = max(len(ids) for ids, _ in rows)
    token_ids = np.full((len(rows), longest), PADDING, np.int64)
    is_answer = np.zeros((len(rows), longest), np.bool_)
    for at, (ids, answers) in enumerate(rows):
        token_ids[at, : len(ids)] = ids
        is_answer[at, : len(ids)] = answers
    return Padded(torch.from_numpy(token_ids).to(device), torch.from_numpy(is_answer).to(device))
