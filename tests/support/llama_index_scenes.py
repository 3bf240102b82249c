"""Drawn pictures for the tests of LlamaIndex's adapters."""

from __future__ import annotations

from PIL import Image, ImageDraw


def drawn(colour):
    image = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(image).ellipse((40, 40, 120, 120), fill=colour)
    return image


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(colour).save(path)


def paged(path, colours, **options):
    """A document with a page for each colour."""
    pages = [drawn(colour) for colour in colours]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
