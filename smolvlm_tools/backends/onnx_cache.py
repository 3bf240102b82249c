"""Keys and values of one sequence for the ONNX decoder; knows arrays, not graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class GrowingCache:
    """Values that the graph returns one call longer than it got them.

    Attributes:
        states: OrtValues (1, kv_heads, length, head_dim), in the order of the graph's inputs.
    """

    capacity: int
    states: list[Any]
    length: int = 0


@dataclass(slots=True)
class SharedCache:
    """Buffers of fixed capacity that the graph reads and extends in place.

    Attributes:
        states: OrtValues (1, kv_heads, capacity, head_dim), in the order of the graph's inputs.
        binding: an IOBinding in which every state is bound as both past and present.
        mask: (1, capacity) ones; a call sees its first `length` columns.
        logits: (1, 1, vocab), where the graph writes if it returns the last position only.
    """

    capacity: int
    states: list[Any]
    binding: Any
    mask: NDArray[np.int64]
    logits: NDArray[np.float32] | None
    length: int = 0


OnnxCache = GrowingCache | SharedCache
