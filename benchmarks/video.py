"""What the frames of a video cost beside one image, in time and in memory.

    python -m benchmarks.video                  # the embedded checkpoint
    python -m benchmarks.video --model 256m     # another one

A clip of 16 frames is asked about twice: one of a still scene, whose frames only the codec makes
different, and one in which no two frames are alike. "x one" is the time for their features beside
that of one frame: a still scene should stay below 1.3, different frames below 16.5. "with decoding"
counts reading the file, too. Memory is the growth beyond the prediction; 0 where it stayed within.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.command import FAILED, Command
from benchmarks.tables import markdown_table
from smolvlm_tools import SmolVLM, VisionResult

FRAMES = 16
RATE = 10
BOUNDS = {"still": 1.3, "different": 16.5}


class Row(NamedTuple):
    """A clip's cost."""

    clip: str
    frames: int
    encoded: int
    seconds: float
    with_decoding: float
    times_one: float
    over_prediction: int


def pictures(kind: str, size: tuple[int, int] = (640, 360)) -> Iterator[Image.Image]:
    """The frames of a clip of 18 seconds: blurred noise, new in each or always the same."""
    chance = np.random.default_rng(0)
    for number in range(18 * RATE):
        if number == 0 or kind == "different":
            small = chance.integers(0, 256, (18, 32, 3), dtype=np.uint8)
            frame = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        yield frame


def encode(kind: str) -> bytes:
    """The clip as H.264 with a key frame every 12."""
    import av

    file = BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 640, 360, "yuv420p", 12
        for frame in pictures(kind):
            output.mux(stream.encode(av.VideoFrame.from_image(frame)))
        output.mux(stream.encode())
    return file.getvalue()


def ask(vlm: SmolVLM, clip: bytes, frames: int, runs: int) -> tuple[float, float, VisionResult]:
    """Median seconds of vision, and of that and all before it; the last result."""
    vision, all_of_it = list[float](), list[float]()
    for _ in range(runs):
        result = vlm.describe(clip, frames=frames, max_new_tokens=1)
        seconds = result.usage.seconds
        vision.append(seconds.vision)
        all_of_it.append(seconds.preprocess + seconds.vision)
    return statistics.median(vision), statistics.median(all_of_it), result


def measure(vlm: SmolVLM, kind: str, runs: int) -> Row:
    """One clip beside one of its frames."""
    clip = encode(kind)
    one, whole_one, _ = ask(vlm, clip, 1, runs)
    many, whole, result = ask(vlm, clip, FRAMES, runs)
    usage = result.usage
    over = max(0, (usage.peak_bytes or 0) - (usage.predicted_bytes or 0))
    encoded = usage.tiles - usage.cached_tiles
    return Row(kind, usage.tiles, encoded, whole, whole / whole_one, many / one, over)


def _run(options: argparse.Namespace) -> int:
    with SmolVLM.load(options.model, cache=False) as vlm:  # nothing is kept between requests
        vlm.describe(next(pictures("still")), max_new_tokens=1)
        rows = [measure(vlm, kind, options.runs) for kind in BOUNDS]
    heads = ["clip", "frames", "encoded", "x one", "with decoding", "seconds", "bytes over"]
    cells = [
        (
            *(row.clip, row.frames, row.encoded, f"{row.times_one:.2f}"),
            *(f"{row.with_decoding:.2f}", f"{row.seconds:.2f}", f"{row.over_prediction:,}"),
        )
        for row in rows
    ]
    print(markdown_table(heads, cells, 1))
    held = all(row.times_one <= BOUNDS[row.clip] and not row.over_prediction for row in rows)
    return 0 if held else FAILED


main = Command("video", __doc__, _run)
main.add_argument("--model", default="embedded", help="see SmolVLM.load")
main.add_argument("--runs", type=int, default=3, help="of which the median counts")

if __name__ == "__main__":
    sys.exit(main())
