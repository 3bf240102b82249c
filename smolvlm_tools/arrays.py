"""The arrays that travel between the stages, by shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Tiles = NDArray[np.float32]
"""Normalised pixels of one or more tiles, (tiles, 3, S, S)."""

TokenIds = NDArray[np.int64]
"""Token ids, (L,): of one sequence, or one of each of L sequences."""

Logits = NDArray[np.float32]
"""Scores of the next token, (vocab,)."""

Features = Any
"""Image features of one encode call in the backend's own array type, (tiles, tokens, hidden)."""

KVBlock = Any
"""Keys and values of consecutive positions of a sequence, (2 * layers, kv_heads, tokens, head_dim),
in the backend's own array type; it can be sliced and has `nbytes`."""
