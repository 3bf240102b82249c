"""Which frames are shown; arithmetic only.

That of transformers' `SmolVLMVideoProcessor.sample_frames` (5.23).
"""

from __future__ import annotations

import numpy as np

SKIPPED_SECONDS = 1
"""At both ends of a long video, which often are black or a title."""


def sample_evenly(total: int, fps: float, most: int, per_second: float) -> list[int]:
    """Numbers of the frames, from 0, of a video of `total` frames.

    Args:
        fps: frames of the video a second.
        most: frames that are taken at most.
        per_second: as many are taken, if that is not more.
    """
    seconds = total / fps
    wanted = max(1, min(round(per_second * seconds), most))
    first, last = 0, total - 1
    if seconds - 2 * SKIPPED_SECONDS > most * per_second:
        first = int(SKIPPED_SECONDS * fps)
        last = min(int(total - SKIPPED_SECONDS * fps), last)
    if first >= last:
        first, last = 0, total - 1
    return [int(number) for number in np.unique(np.linspace(first, last, wanted, dtype=int))]
