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
