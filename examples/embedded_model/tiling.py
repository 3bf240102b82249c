"""Image -> tiles as `smolvlm_tools` cuts them, still as bytes, and the labels under each patch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from smolvlm_tools.checkpoint.config import ImageConfig
from smolvlm_tools.prompt.resolution import auto_side, plan_grid

TILE = 128
PATCH = 8
SIDE = TILE // PATCH  # 16 patches a side
IMAGES = ImageConfig(
    tile_size=TILE,
    longest_edge=2 * TILE,
    tokens_per_tile=64,
    split=True,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    rescale=1 / 255,
    resample=int(Image.Resampling.LANCZOS),
)


def auto_n(size: tuple[int, int], at_least: int = 1) -> int:
    """Longest edge in tiles under the automatic resolution."""
    return max(at_least, auto_side(size, IMAGES, None))


def grid_of(size: tuple[int, int], n: int) -> tuple[int, int]:
    """Rows and columns of the split, (1, 1) when the image is a single tile."""
    grid = plan_grid(size, IMAGES, n)
    return max(1, grid.rows), max(1, grid.cols)


def make_tiles(image: Image.Image, n: int) -> np.ndarray:
    """Row-major crops, then the whole image as one tile.

    Args:
        image: An RGB image.
        n: Longest edge in tiles.

    Returns:
        (tiles, 128, 128, 3) uint8.
    """
    whole = image
    for size in plan_grid(image.size, IMAGES, n).steps:
        whole = whole.resize(size, Image.Resampling.LANCZOS)
    rows, cols = grid_of(image.size, n)
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
