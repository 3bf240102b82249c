"""What a request shares with earlier ones, and so need not be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import KVBlock
from .features import ImageKey


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a laid-out request.

    Attributes:
        identity: of its prompt's positions, (L,).
        blocks: keys and values of the prompt's beginning.
    """

    keys: Sequence[ImageKey]
    identity: NDArray[np.int64]
    blocks: Sequence[KVBlock]

    @property
    def tokens(self) -> int:
        """Positions that `blocks` cover."""
        return sum(block.shape[2] for block in self.blocks)

    @property
    def read_rows(self) -> list[int]:
        """How many of each image's tokens `blocks` cover."""
        places = np.flatnonzero(self.identity < 0)
        counts = [key.grid.image_tokens for key in self.keys]
        parts = np.split(places < self.tokens, np.cumsum(counts, dtype=np.int64)[:-1])
        return [int(np.count_nonzero(part)) for part in parts[: len(counts)]]
