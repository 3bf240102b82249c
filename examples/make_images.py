"""Draws the example images; needs Pillow alone.

    python examples/make_images.py

`shapes.png` is a scene, `receipt.png` a page of print, both in the vocabulary of the embedded
checkpoint (see embedded_model/README.md). `tour_images/` is for the checkpoints of the hub: a
chart, a letter, and `cat.jpg`, a photograph by Stefan van der Walt (CC0) from scikit-image's data.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).resolve().parent / "images"
TOUR_FOLDER = FOLDER.parent / "tour_images"
LINES = ("CORNER CAFE", "2 COFFEE 7.50", "TOTAL 7.50", "THANK YOU!")
VISITORS = {"January": 120, "February": 90, "March": 210, "April": 150}
LETTER = """\
Harbour Museum
12 Quay Street

14 March 2026

Dear Ms Okafor,

Thank you for lending us the brass sextant. It will be
shown in room 4 from 2 May to 30 September.

The courier collects it on Tuesday, 21 April, between
9 and 11 o'clock. It is insured for 8,400 euros.

With kind regards,
Jonas Lindqvist
Head of Collections"""


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


def chart() -> Image.Image:
    """A bar chart of four months, its highest bar in March."""
    image = Image.new("RGB", (640, 420), "white")
    draw = ImageDraw.Draw(image)
    draw.text(
        (320, 24), "Visitors in 2026", font=ImageFont.load_default(28), fill="black", anchor="mm"
    )
    font = ImageFont.load_default(20)
    for column, (month, count) in enumerate(VISITORS.items()):
        left = 60 + 140 * column
        draw.rectangle((left, 370 - 1.4 * count, left + 90, 370), fill="steelblue")
        draw.text((left + 45, 355 - 1.4 * count), str(count), font=font, fill="black", anchor="mm")
        draw.text((left + 45, 390), month, font=font, fill="black", anchor="mm")
    draw.line((40, 370, 600, 370), fill="black", width=2)
    return image


def letter() -> Image.Image:
    """A typed letter on a page of 100 dots per inch."""
    image = Image.new("RGB", (850, 1100), "white")
    font = ImageFont.load_default(24)
    ImageDraw.Draw(image).text((100, 120), LETTER, font=font, fill="black", spacing=14)
    return image


def main() -> None:
    """Write the files."""
    for folder, draws in ((FOLDER, (shapes, receipt)), (TOUR_FOLDER, (chart, letter))):
        folder.mkdir(exist_ok=True)
        for draw in draws:
            draw().save(folder / f"{draw.__name__}.png", optimize=True)


if __name__ == "__main__":
    main()
