"""A page of a PDF document, or a region of it, as pixels."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

from PIL import Image

from ..content import BBox

_LONGEST_CANVAS = 60_000
"""Pixels of the whole page where only a region is rendered: finer than any print."""


def render_page(page: Any, longest_edge: int) -> Image.Image:
    """A page, `longest_edge` pixels along its longer side."""
    scale = longest_edge / max(page.get_size())
    return _render(page, scale, (0, 0, 0, 0))


def render_region(page: Any, bbox: BBox, scale: float) -> Image.Image:
    """The part of a page in `bbox`, at `scale` pixels a point, and at least one pixel.

    The page is at most 60,000 pixels long, of which only the region takes memory.
    """
    width, height = page.get_size()
    scale = min(scale, _LONGEST_CANVAS / max(width, height))
    wide, high = math.ceil(width * scale), math.ceil(height * scale)
    left, top = min(int(bbox[0] * wide), wide - 1), min(int(bbox[1] * high), high - 1)
    right, bottom = max(left + 1, round(bbox[2] * wide)), max(top + 1, round(bbox[3] * high))
    pixels = (left, high - bottom, wide - right, top)
    # pypdfium2 takes points and rounds them up to pixels
    return _render(page, scale, tuple(max(0.0, (cut - 0.5) / scale) for cut in pixels))


def _render(page: Any, scale: float, crop: tuple[float, ...]) -> Image.Image:
    with closing(page.render(scale=scale, crop=crop, rev_byteorder=True)) as bitmap:
        return bitmap.to_pil().convert("RGB").copy()  # the buffer is PDFium's own
