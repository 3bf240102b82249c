"""RGB image + tile grid → tiles as bytes → normalised tiles.

For an exact grid ("native" and numbers of tiles) the result is bit-exact with transformers'
`Idefics3ImageProcessorPil` (5.23), in Pillow and numpy alone.

A tile is 3 MB as floats and 0.8 MB as bytes, so a page is cut into bytes once and normalised a
micro-batch at a time: `normalise(frames[start:stop], config)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..arrays import Tiles
from ..checkpoint.config import ImageConfig
from ..prompt.resolution import TileGrid

Frames = NDArray[np.uint8]
"""Tiles before normalisation, (tiles, 3, S, S)."""


def cut_frames(image: Image.Image, grid: TileGrid, config: ImageConfig) -> Frames:
    """Resize and cut.

    Args:
        grid: from `plan_grid` for this image's size.

    Returns:
        (tiles, 3, S, S) bytes: the cut tiles row by row, then the global one.
    """
    frames = np.empty((grid.tiles, 3, grid.tile_size, grid.tile_size), dtype=np.uint8)
    resample = Image.Resampling(config.resample)
    bands = image.split()
    if _is_grey(bands):
        frames[:] = _cut_band(bands[0], grid, resample)[:, None]
        return frames
    if grid.tiles == 1:
        for channel, band in enumerate(bands):
            frames[:, channel] = _cut_band(band, grid, resample)
        return frames
    # Pillow filters each channel by itself, and lets other threads run meanwhile.
    with ThreadPoolExecutor(len(bands)) as pool:
        parts = pool.map(partial(_cut_band, grid=grid, resample=resample), bands)
        for channel, part in enumerate(parts):
            frames[:, channel] = part
    return frames


def normalise(frames: Frames, config: ImageConfig) -> Tiles:
    """(tiles, 3, S, S) bytes → floats.

    A byte has 256 values, so a table per channel gives the very floats that transformers computes
    pixel by pixel: `float32(float64(byte) * rescale)`, then `(x - mean) / std` in float32.
    """
    scaled = (np.arange(256, dtype=np.float64) * config.rescale).astype(np.float32)
    out = np.empty(frames.shape, dtype=np.float32)
    for channel in range(3):
        mean, std = np.float32(config.mean[channel]), np.float32(config.std[channel])
        table = (scaled - mean) / std
        for source, target in zip(frames[:, channel], out[:, channel], strict=True):
            np.take(table, source, out=target, mode="clip")
    return out


def make_tiles(image: Image.Image, grid: TileGrid, config: ImageConfig) -> Tiles:
    """All tiles of an image at once, (tiles, 3, S, S) float32: `cut_frames`, then `normalise`."""
    return normalise(cut_frames(image, grid, config), config)


def _is_grey(bands: Sequence[Image.Image]) -> bool:
    """Whether all channels are the same, as on most scanned and rendered pages."""
    first, *others = (np.asarray(band) for band in bands)
    return all(np.array_equal(first, other) for other in others)


def _cut_band(band: Image.Image, grid: TileGrid, resample: Image.Resampling) -> NDArray[np.uint8]:
    """One channel's part of the tiles, (tiles, S, S)."""
    for size in grid.steps:
        band = band.resize(size, resample)
    tile = grid.tile_size
    if not grid.split:
        return np.asarray(band)[None]
    frames = np.empty((grid.tiles, tile, tile), dtype=np.uint8)
    cut = np.asarray(band).reshape(grid.rows, tile, grid.cols, tile).swapaxes(1, 2)
    frames[:-1].reshape(cut.shape)[:] = cut
    frames[-1] = np.asarray(band.resize((tile, tile), resample))
    return frames
