"""Draws the frames that a model is shown of a video: a contact sheet, each with its time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from ..images import LoadedImage
from ..prompt.resolution import fit_longest_edge
from .view import FAINT, GAP, INK, LABEL, PAPER, font_for

LONGEST = 256
"""Pixels along the longer side of a frame on the sheet."""


def draw_sheet(frames: Sequence[LoadedImage], title: str) -> Image.Image:
    """The frames in rows, as wide as high, in the proportions that the video has.

    Args:
        frames: RGB; squeezed to a tile's square as they may be.
        title: above them.

    Returns:
        RGB.
    """
    cells = [fit_longest_edge(frame.size, LONGEST) for frame in frames]
    width, height = max(w for w, _ in cells), max(h for _, h in cells)
    columns = math.ceil(math.sqrt(len(frames) * (height + GAP + LABEL) / (width + GAP)))
    rows = math.ceil(len(frames) / columns)
    step, fall = width + GAP, height + GAP + LABEL
    heading = font_for([title], columns * step)
    labels = [str(frame.ref).rpartition(" ")[2] for frame in frames]
    small = font_for(labels, width)
    top = GAP + LABEL
    sheet = Image.new("RGB", (columns * step + GAP, top + rows * fall), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP // 2), title, INK, heading)
    for place, (frame, cell, label) in enumerate(zip(frames, cells, labels, strict=True)):
        left, upper = GAP + place % columns * step, top + place // columns * fall
        draw.text((left, upper), label, FAINT, small)
        sheet.paste(frame.pixels.resize(cell, Image.Resampling.LANCZOS), (left, upper + LABEL))
    return sheet
