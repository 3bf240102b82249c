"""Multi-page TIFF files whose pages are the example pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.paths import RECEIPT, SHAPES


def book(path: Path, *pictures: Path) -> Path:
    """A TIFF file of these pictures; of shapes, receipt and shapes where none are named."""
    pages = [
        Image.open(picture).convert("RGB") for picture in pictures or (SHAPES, RECEIPT, SHAPES)
    ]
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    return path
