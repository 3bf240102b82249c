"""Prompts as sequences of numbers that are equal only where the model sees the same."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..arrays import TokenIds
from .features import ImageKey


class Identities:
    """Replaces image tokens, which are all alike, by numbers that tell images apart.

    The numbers come from a keyed hash with a secret of this object, so nobody can prepare two
    images that are taken for each other.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def of(
        self, token_ids: TokenIds, image_token_id: int, images: Sequence[ImageKey]
    ) -> NDArray[np.int64]:
        """(L,): token ids, and below zero a number for each image token."""
        identities = token_ids.copy()
        if images:
            identities[token_ids == image_token_id] = np.concatenate(
                [self._image(key) for key in images]
            )
        return identities

    def _image(self, key: ImageKey) -> NDArray[np.int64]:
        digest = blake2b(repr(key).encode(), key=self._secret, digest_size=8).digest()
        first = int.from_bytes(digest, "little") >> 2  # room to count up
        return -1 - np.arange(first, first + key.grid.image_tokens, dtype=np.int64)
