"""Draws the example images; needs Pillow alone.

    python examples/make_images.py

`shapes.png` is a scene, `receipt.png` a page of print, both in the vocabulary of the embedded
checkpoint (see embedded_model/README.md).
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).resolve().parent / "images"
LINES = ("CORNER CAFE", "2 COFFEE 7.50", "TOTAL 7.50", "THANK YOU!")


def shapes() -> Image.Image:
    """A large red circle, a large blue square, a large green triangle."""
    image = Image.new("RGB", (320, 240), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((24, 20, 116, 112), fill="red")
    draw.rectangle((210, 30, 290, 110), fill="blue")
    draw.polygon([(160, 136), (204, 217), (116, 217)], fill="green")
    return image


def receipt() -> Image.Image:
    """Four short lines; 24 characters of this size would fill the width."""
    image = Image.new("RGB", (360, 180), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(26)
    for row, line in enumerate(LINES):
        draw.text((24, 16 + 38 * row), line, font=font, fill="black")
    return image


def main() -> None:
    """Write both files."""
    FOLDER.mkdir(exist_ok=True)
    shapes().save(FOLDER / "shapes.png", optimize=True)
    receipt().save(FOLDER / "receipt.png", optimize=True)


if __name__ == "__main__":
    main()
