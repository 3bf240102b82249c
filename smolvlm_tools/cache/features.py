"""Image features by what they were computed from, the least recently used dropped first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

from ..arrays import Features
from ..prompt.resolution import TileGrid


@dataclass(frozen=True, slots=True)
class ImageKey:
    """What an image's features depend on, besides the weights that one engine holds."""

    sha256: str
    grid: TileGrid
    turned: int = 0


ImageFeatures: TypeAlias = tuple[Features, ...]
"""Features of all tiles of an image, in micro-batches."""


class FeatureCache:
    """Keeps at most `limit` bytes of features. Not thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._images: OrderedDict[ImageKey, ImageFeatures] = OrderedDict()
        self.nbytes = 0

    def get(self, key: ImageKey) -> ImageFeatures | None:
        found = self._images.get(key)
        if found is not None:
            self._images.move_to_end(key)
        return found

    def put(self, key: ImageKey, features: ImageFeatures) -> None:
        """Keep an image's features; more than the bound are not kept."""
        nbytes = _nbytes(features)
        if key in self._images or nbytes > self._limit:
            return
        self._images[key] = features
        self.nbytes += nbytes
        while self.nbytes > self._limit:
            _, dropped = self._images.popitem(last=False)
            self.nbytes -= _nbytes(dropped)

    def clear(self) -> None:
        self._images.clear()
        self.nbytes = 0


def _nbytes(features: ImageFeatures) -> int:
    return sum(part.nbytes for part in features)
