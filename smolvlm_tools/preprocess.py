"""RGB image + tile grid → normalised tiles; knows pixels, not checkpoints or prompts.

For the "native" grid the result is bit-exact with transformers' `Idefics3ImageProcessorPil`
(5.23), in Pillow and numpy alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .backends.base import Tiles
from .model_config import ImageConfig
from .resolution import TileGrid


def make_tiles(image: Image.Image, grid: TileGrid, config: ImageConfig) -> Tiles:
    """Resize, cut and normalise.

    Args:
        image: mode RGB.
        grid: from `plan_grid` for this image's size.
        config: normalisation constants and the resampling filter.

    Returns:
        (tiles, 3, S, S) float32: the cut tiles row by row, then the global one.
    """
    resample = Image.Resampling(config.resample)
    for size in grid.steps:
        image = image.resize(size, resample)
    tile = grid.tile_size
    frames: list[NDArray[np.uint8]] = []
    if grid.split:
        pixels = np.asarray(image)  # (H, W, 3)
        cut = pixels.reshape(grid.rows, tile, grid.cols, tile, 3).swapaxes(1, 2)
        frames.extend(cut.reshape(-1, tile, tile, 3))
        image = image.resize((tile, tile), resample)
    frames.append(np.asarray(image))
    return _normalise(np.stack(frames), config)


def _normalise(frames: NDArray[np.uint8], config: ImageConfig) -> Tiles:
    """(tiles, S, S, 3) bytes → (tiles, 3, S, S) float32.

    A byte has 256 values, so a table per channel gives the very floats that transformers computes
    pixel by pixel: `float32(float64(byte) * rescale)`, then `(x - mean) / std` in float32.
    """
    scaled = (np.arange(256, dtype=np.float64) * config.rescale).astype(np.float32)
    out = np.empty((frames.shape[0], 3, *frames.shape[1:3]), dtype=np.float32)
    for channel in range(3):
        mean, std = np.float32(config.mean[channel]), np.float32(config.std[channel])
        table = (scaled - mean) / std
        np.take(table, frames[..., channel], out=out[:, channel], mode="clip")
    return out
