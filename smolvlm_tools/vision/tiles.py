"""RGB image + tile grid → tiles as bytes → normalised tiles.

For an exact grid ("native" and numbers of tiles) the result is bit-exact with transformers'
`Idefics3ImageProcessorPil` (5.23), in Pillow and numpy alone.

A tile is 3 MB as floats and 0.8 MB as bytes, so a page is cut into bytes once and normalised a
micro-batch at a time: `normalise(frames[start:stop], config)`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..arrays import Tiles
from ..checkpoint.config import ImageConfig
from ..prompt.resolution import TileGrid

LARGE = 16_000_000
"""Pixels above which channels are cut one after the other: each is a copy of a quarter of them."""

SMALL = 1_000_000
"""Bytes of tiles below which threads take longer to start than to cut."""

STRIP = 1_000_000
"""Pixels that are looked at together."""

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

    if _is_grey(image):
        frames[:] = _cut_band(image.getchannel(0), grid, resample)[:, None]
        return frames

    def cut(channel: int) -> None:
        frames[:, channel] = _cut_band(image.getchannel(channel), grid, resample)

    if frames.size < SMALL or image.width * image.height > LARGE:
        for channel in range(3):
            cut(channel)
        return frames
    # Pillow filters each channel by itself, and lets other threads run meanwhile.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(cut, range(3)))
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


def _is_grey(image: Image.Image) -> bool:
    """Whether all channels are the same, as on most scanned and rendered pages."""
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        first, *others = (np.asarray(band) for band in strip.split())
        if not all(np.array_equal(first, other) for other in others):
            return False
    return True


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
