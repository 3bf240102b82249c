"""Small windows of tiles around print: many glyphs for little arithmetic.

Most patches of a page are empty. A window of 6x6 patches keeps its place in the tile, so the vision
tower sees it as it would inside the tile, at a seventh of the cost.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from render import GLYPH_BASE, render_text
from tiling import PATCH, SIDE, make_tiles, patch_labels
from torch import Tensor

WIDTH = 6  # patches


@dataclass
class Windows:
    """A batch: pixels (B, 48, 48, 3) uint8, labels (B, 36, 2), places (B, 36) patch numbers."""

    pixels: Tensor
    labels: Tensor
    places: Tensor


def cut(
    rng: random.Random, tile: np.ndarray, labels: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Windows around random glyphs of one tile.

    Args:
        rng: The only source of chance.
        tile: (128, 128, 3) uint8.
        labels: (256, 2), see `patch_labels`.
    """
    grid = labels.reshape(SIDE, SIDE, 2)
    numbers = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    spots = np.argwhere((grid > GLYPH_BASE).any(-1))
    found = []
    for _ in range(min(8, 1 + len(spots) // 8) if len(spots) else 0):
        row, col = (
            min(SIDE - WIDTH, max(0, int(at) - rng.randint(1, WIDTH - 2)))
            for at in spots[rng.randrange(len(spots))]
        )
        wanted = grid[row : row + WIDTH, col : col + WIDTH].copy()
        # Patches at a cut edge lack a neighbour: they are not asked.
        if row > 0:
            wanted[0] = -100
        if row < SIDE - WIDTH:
            wanted[-1] = -100
        if col > 0:
            wanted[:, 0] = -100
        if col < SIDE - WIDTH:
            wanted[:, -1] = -100
        pixels = tile[row * PATCH : (row + WIDTH) * PATCH, col * PATCH : (col + WIDTH) * PATCH]
        place = numbers[row : row + WIDTH, col : col + WIDTH].reshape(-1)
        found.append((pixels, wanted.reshape(-1, 2), place))
    return found


class WindowSource:
    """An endless stream of mixed windows."""

    def __init__(self, rng: random.Random, pool: int = 1500) -> None:
        """Mixes windows of a pool of that size."""
        self.rng, self.size = rng, pool
        self.pool: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def fill(self) -> None:
        """Renders pictures until the pool is full."""
        while len(self.pool) < self.size:
            style = self.rng.choice(("tile", "strip", "strip", "wide", "page"))
            picture, n = render_text(self.rng, style), 1 if style == "tile" else 2
            tiles, labels = (
                make_tiles(picture.image, n),
                patch_labels(picture.labels, n, GLYPH_BASE),
            )
            readable = len(tiles) - (len(tiles) > 1)  # not the overview
            for tile, wanted in zip(tiles[:readable], labels[:readable], strict=True):
                self.pool += cut(self.rng, tile, wanted)
        self.rng.shuffle(self.pool)

    def batch(self, count: int) -> Windows:
        """The next windows."""
        if len(self.pool) < count:
            self.fill()
        taken = [self.pool.pop() for _ in range(count)]
        pixels, labels, places = (
            torch.from_numpy(np.stack(part)) for part in zip(*taken, strict=True)
        )
        return Windows(pixels, labels, places)
