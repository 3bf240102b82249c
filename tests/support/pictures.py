"""Noisy pictures of many sizes."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIZES = [
    (1, 1), (3, 3), (1, 50), (50, 1), (7, 5), (16, 9), (31, 33), (32, 32), (45, 45), (64, 64),
    (100, 99), (99, 100), (127, 128), (128, 127), (129, 130), (135, 90), (90, 135), (134, 136),
    (200, 50), (50, 200), (255, 256), (300, 301), (320, 240), (333, 77), (400, 300), (512, 512),
    (640, 480), (17, 611), (611, 17), (1000, 10), (10, 1000), (701, 703), (1024, 768),
]  # fmt: skip


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
