"""Which frames begin a scene: those that differ much from what was shown shortly before."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

THUMBNAIL = (32, 32)
"""Pixels at which frames are compared: noise and small movements vanish."""

LOOKS_PER_SECOND, MOST_LOOKS = 2.0, 600
"""How densely a film is looked through. A scene may begin up to one look before its frame."""

CHANGED = 18.0
"""Mean difference, of 255, from which two looks are of different scenes."""


def find_scenes(looks: Iterable[tuple[int, Image.Image]], most: int) -> list[int]:
    """Numbers of frames that begin scenes: the first one, and the greatest changes after it.

    Args:
        looks: frames with their numbers, in order.
        most: that are taken at most.
    """
    changes: list[tuple[float, int]] = []
    before = None
    for number, pixels in looks:
        thumbnail = np.asarray(pixels.resize(THUMBNAIL, Image.Resampling.BOX), dtype=np.float32)
        if before is None:
            changes.append((np.inf, number))
        elif (change := float(np.abs(thumbnail - before).mean())) >= CHANGED:
            changes.append((change, number))
        before = thumbnail
    greatest = sorted(changes, key=lambda each: (-each[0], each[1]))[:most]
    return sorted(number for _, number in greatest)
