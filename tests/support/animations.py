"""An animation that needs no extra to be written or read."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps

from tests.support.paths import SHAPES


def blinking() -> bytes:
    """A GIF of three seconds: shapes and their mirror image by turns, half a second each."""
    with Image.open(SHAPES) as image:
        shapes = image.convert("RGB").resize((160, 120))
    frames, file = [shapes, ImageOps.mirror(shapes)] * 3, BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=500)
    return file.getvalue()
