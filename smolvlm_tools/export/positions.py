"""Position tables of tower and decoder, by transformers' own float formulas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vision_position_ids(side: int) -> NDArray[np.int64]:
    """Rows of the position table for a full tile of `side` x `side` patches, (side * side,)."""
    from ..backends.torch import vision as torch_vision

    return torch_vision.vision_position_ids(side).numpy().astype(np.int64)


def rope_frequencies(theta: float, head_dim: int) -> NDArray[np.float32]:
    """Angle per position of each rotated pair, (head_dim / 2,), as transformers' Llama has them."""
    import torch

    exponents = torch.arange(0, head_dim, 2, dtype=torch.float) / head_dim
    return (1.0 / (theta**exponents)).numpy()
