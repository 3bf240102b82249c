"""Requests about pictures, for the tests of memory."""

from __future__ import annotations

import numpy as np
from PIL import Image

MB = 1_000_000


def picture(side: int = 256, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    return Image.fromarray(pixels)


def looking_at(*images: Image.Image) -> list[dict]:
    parts = [{"type": "image", "image": image} for image in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "Look."}]}]
