"""Features by the tile they were computed from, the least recently used dropped first.

The vision tower sees a tile alone and knows no place of it, so equal tiles have equal features:
white margins, a slide's background, the frames of a still camera, a page sent again at another
crop. An image is known by its bytes and grid as well, so that it need not even be decoded.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import Features
from ..prompt.resolution import TileGrid

MOST_IMAGES = 4096
"""Images whose tiles are known by name; each takes some hundred bytes."""

TileKey: TypeAlias = bytes
"""What stands for a tile's pixels."""


@dataclass(frozen=True, slots=True)
class ImageKey:
    """What an image's features depend on, besides the weights that one engine holds."""

    sha256: str
    grid: TileGrid
    turned: int = 0


class FeatureCache:
    """Keeps at most `limit` bytes of features. Not thread-safe.

    Tiles are told apart by a keyed hash of 128 bits with a secret of this object, so nobody can
    prepare two tiles that are taken for each other.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._secret = secrets.token_bytes(16)
        self._tiles: OrderedDict[TileKey, Features] = OrderedDict()
        self._images: OrderedDict[ImageKey, tuple[TileKey, ...]] = OrderedDict()
        self.nbytes = 0

    def keys(self, frames: NDArray[np.uint8]) -> tuple[TileKey, ...]:
        """What stands for each of some tiles (tiles, 3, S, S)."""
        return tuple(
            blake2b(frame.tobytes(), key=self._secret, digest_size=16).digest() for frame in frames
        )

    def find(self, tiles: Iterable[TileKey]) -> dict[TileKey, Features]:
        """Features of those tiles that are kept, each (1, tokens, hidden)."""
        found: dict[TileKey, Features] = {}
        for key in tiles:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                found[key] = self._tiles[key]
        return found

    def image(self, key: ImageKey) -> list[Features] | None:
        """Features of all tiles of an image; None if one of them is not kept."""
        tiles = self._images.get(key)
        if tiles is None:
            return None
        found = self.find(tiles)
        if len(found) < len(set(tiles)):
            del self._images[key]
            return None
        self._images.move_to_end(key)
        return [found[tile] for tile in tiles]

    def keep(self, tiles: Mapping[TileKey, Features]) -> None:
        """Keep features of tiles; more than the bound are not kept."""
        for key, features in tiles.items():
            if key in self._tiles or features.nbytes > self._limit:
                continue
            self._tiles[key] = features
            self.nbytes += features.nbytes
        while self.nbytes > self._limit:
            _, dropped = self._tiles.popitem(last=False)
            self.nbytes -= dropped.nbytes

    def name(self, key: ImageKey, tiles: Sequence[TileKey]) -> None:
        """Remember which tiles an image consists of."""
        if self._limit:
            self._images[key] = tuple(tiles)
            if len(self._images) > MOST_IMAGES:
                self._images.popitem(last=False)

    def clear(self) -> None:
        self._tiles.clear()
        self._images.clear()
        self.nbytes = 0
