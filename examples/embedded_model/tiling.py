"""Image -> tiles, as the released checkpoints' processor does it, and the labels under each patch.

The same steps as `smolvlm_tools.preprocess`, kept apart so that the recipe runs on Pillow alone.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

TILE = 128
PATCH = 8
SIDE = TILE // PATCH  # 16 patches a side
MAX_N = 2  # longest edge of a split image, in tiles


def auto_n(size: tuple[int, int], at_least: int = 1) -> int:
    """Longest edge in tiles: the smallest grid that does not shrink the image, at most MAX_N."""
    return max(at_least, min(MAX_N, math.ceil(max(size) / TILE)))


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """First resize: the longest edge becomes exactly `longest`, the other one even."""
    width, height = size
    aspect = width / height
    if width >= height:
        width, height = longest, int(longest / aspect)
        height += height % 2
    else:
        height, width = longest, int(longest * aspect)
        width += width % 2
    return max(width, 1), max(height, 1)


def snapped(size: tuple[int, int]) -> tuple[int, int]:
    """Second resize: both edges become multiples of the tile."""
    width, height = size
    aspect = width / height
    if width >= height:
        width = math.ceil(width / TILE) * TILE
        height = math.ceil(int(width / aspect) / TILE) * TILE
    else:
        height = math.ceil(height / TILE) * TILE
        width = math.ceil(int(height * aspect) / TILE) * TILE
    return max(width, TILE), max(height, TILE)


def grid_of(size: tuple[int, int], n: int) -> tuple[int, int]:
    """Rows and columns of the split, (1, 1) when the image is a single tile."""
    width, height = snapped(fitted(size, n * TILE))
    return height // TILE, width // TILE


def make_tiles(image: Image.Image, n: int) -> np.ndarray:
    """Row-major crops, then the whole image as one tile.

    Args:
        image: An RGB image.
        n: Longest edge in tiles.

    Returns:
        (tiles, 128, 128, 3) uint8.
    """
    first = image.resize(fitted(image.size, n * TILE), Image.Resampling.LANCZOS)
    whole = first.resize(snapped(first.size), Image.Resampling.LANCZOS)
    rows, cols = whole.height // TILE, whole.width // TILE
    pixels = np.asarray(whole)
    if rows * cols == 1:
        return pixels[None]
    crops = pixels.reshape(rows, TILE, cols, TILE, 3).swapaxes(1, 2).reshape(-1, TILE, TILE, 3)
    overview = np.asarray(whole.resize((TILE, TILE), Image.Resampling.LANCZOS))
    return np.concatenate([crops, overview[None]])


def patch_labels(labels: np.ndarray, n: int, glyphs_from: int) -> np.ndarray:
    """What lies under each patch: two points a patch, at a quarter and three quarters of it.

    Args:
        labels: (H, W) uint8 label of every source pixel.
        n: Longest edge in tiles.
        glyphs_from: Labels from here on are glyphs; on the overview tile of a split image they are
            too small to be read and become -100 (ignored).

    Returns:
        (tiles, 256, 2) int64.
    """
    height, width = labels.shape
    rows, cols = grid_of((width, height), n)

    def sample(tiles_high: int, tiles_wide: int) -> np.ndarray:
        y = ((np.arange(tiles_high * SIDE) + 0.5) / (tiles_high * SIDE) * height).astype(int)
        x = ((np.arange(tiles_wide * SIDE * 2) + 0.5) / (tiles_wide * SIDE * 2) * width).astype(int)
        points = labels[y[:, None], x[None, :]].astype(np.int64)
        points = points.reshape(tiles_high, SIDE, tiles_wide, SIDE, 2).swapaxes(1, 2)
        return points.reshape(-1, SIDE * SIDE, 2)

    if rows * cols == 1:
        return sample(1, 1)
    overview = sample(1, 1)
    overview[overview >= glyphs_from] = -100
    return np.concatenate([sample(rows, cols), overview])
