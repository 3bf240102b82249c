"""Draws an image as the model sees it: its tiles, where they lie, and what they cost in tokens."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..checkpoint.config import ImageConfig
from ..prompt.resolution import TileGrid
from .tiles import Frames, cut_frames

GAP = 12
LABEL = 26
"""Pixels of a line of text, and of the strip above each tile."""

LETTERS = (16, 8)
"""Largest and smallest size of letters, in pixels."""

PAPER, INK, FAINT = (246, 246, 244), (24, 24, 27), (113, 113, 122)


def draw_view(image: Image.Image, grid: TileGrid, config: ImageConfig, title: str) -> Image.Image:
    """The tiles of an image at their full size, in rows and columns, the global one to the right.

    Args:
        image: RGB, upright.
        grid: from `plan_grid` for its size.
        title: above it all.

    Returns:
        RGB, as large as the tiles, labels and gaps; `tile_corner` says where a tile lies, from the
        bottom of the title on.
    """
    frames = cut_frames(image, grid, config)
    rows, columns = (grid.rows, grid.cols + 1) if grid.split else (1, 1)
    width = columns * (grid.tile_size + GAP) + GAP
    font = font_for([title], width * 3)
    lines = textwrap.wrap(title, max(20, int(width / (0.55 * font.size))))
    top = GAP + LABEL * len(lines)
    view = Image.new("RGB", (width, top + rows * (grid.tile_size + GAP + LABEL)), PAPER)
    draw = ImageDraw.Draw(view)
    for number, line in enumerate(lines):
        draw.text((GAP, GAP // 2 + number * LABEL), line, INK, font)
    labels = [f"{_name(n, grid)}: {config.tokens_per_tile} tokens" for n in range(grid.tiles)]
    small = font_for(labels, grid.tile_size)
    for index, label in enumerate(labels):
        left, upper = tile_corner(index, grid)
        draw.text((left, top + upper - LABEL * 0.75), label, FAINT, small)
        view.paste(_tile(frames, index), (left, top + upper))
    return view


def tile_corner(index: int, grid: TileGrid) -> tuple[int, int]:
    """Left and upper edge of a tile's pixels below the title."""
    is_whole = index == grid.tiles - 1
    row, column = (0, grid.cols) if is_whole else divmod(index, grid.cols)
    upper = LABEL + row * (grid.tile_size + GAP + LABEL)
    return GAP + column * (grid.tile_size + GAP), upper


def _name(index: int, grid: TileGrid) -> str:
    """The last tile of several is the whole image, and so is a single one."""
    if index == grid.tiles - 1:
        return "the whole image"
    row, column = divmod(index, grid.cols)
    return f"row {row + 1}, column {column + 1}"


def font_for(texts: Sequence[str], width: int) -> Any:
    """The largest letters in which each of the texts fits the width, or the smallest."""
    largest, smallest = LETTERS
    for size in range(largest, smallest, -1):
        font: Any = ImageFont.load_default(size)
        if max(map(font.getlength, texts)) <= width:
            return font
    return ImageFont.load_default(smallest)


def _tile(frames: Frames, index: int) -> Image.Image:
    return Image.fromarray(frames[index].transpose(1, 2, 0))
