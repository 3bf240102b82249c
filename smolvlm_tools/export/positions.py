"""Position tables of tower and decoder, by transformers' own float formulas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vision_position_ids(side: int) -> NDArray[np.int64]:
    """Rows of the position table for a full tile of `side` x `side` patches, (side * side,).

    Repeats the float32 bucketing of transformers' `Idefics3VisionEmbeddings`: it is the identity
    for the sides of the published checkpoints (27 and 32), but not for all (19, 25, 29, ...).
    """
    import torch

    boundaries = torch.arange(1 / side, 1.0, 1 / side)
    step = 1.0 / torch.tensor([side])
    coordinates = torch.clamp(torch.arange(side, dtype=torch.float32) * step, max=1.0 - 1e-6)
    buckets = torch.bucketize(coordinates, boundaries, right=True)
    ids = buckets[:, None] * side + buckets[None, :]
    return ids.reshape(-1).numpy().astype(np.int64)


def rope_frequencies(theta: float, head_dim: int) -> NDArray[np.float32]:
    """Angle per position of each rotated pair, (head_dim / 2,), as transformers' Llama has them."""
    import torch

    exponents = torch.arange(0, head_dim, 2, dtype=torch.float) / head_dim
    return (1.0 / (theta**exponents)).numpy()
