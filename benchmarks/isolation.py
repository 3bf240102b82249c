"""Measures what decoding in a child process costs more than decoding here, in time and memory.

    python -m benchmarks.isolation          # a table
    python -m benchmarks.isolation --json   # all samples

Both ways take turns, image by image, on files that are decoded as `load_image` does for any caller;
every way reads all pixels once afterwards, as an engine would. The bars: at most 10 ms more of the
clock (median), and no second copy: what this process takes more while it holds an image is at most
1.1 times its pixels of four bytes. The load average stands beside; on a machine with other work
the processor seconds of both processes together say more than the clock. Exit code 1 says that a
bar was missed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import psutil
from PIL import Image

from benchmarks.command import FAILED, Command, notice
from benchmarks.machine import machine_facts
from benchmarks.tables import markdown_table
from smolvlm_tools.images import ImagePolicy, LoadedImage, load_image
from smolvlm_tools.sandbox import find_posture

MOST_MS = 10.0
MOST_COPIES = 1.1
HERE, THERE = ImagePolicy(), ImagePolicy(isolate=True)


class Case(NamedTuple):
    """An image file, and what is done with it."""

    name: str
    data: bytes
    longest: int | None = None
    """Longest edge that is needed; a JPEG is decoded to fewer pixels then."""

    def load(self, policy: ImagePolicy) -> LoadedImage:
        """Decode it, and read all pixels."""
        image = load_image(self.data, policy, reduce_to=self._reduce if self.longest else None)
        image.pixels.histogram()
        return image

    def _reduce(self, size: tuple[int, int]) -> tuple[int, int]:
        scale = (self.longest or max(size)) / max(size)
        return round(size[0] * scale), round(size[1] * scale)


def photo(width: int, height: int) -> Image.Image:
    """Shapes with a little noise, so that files are as large as those of cameras."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    large = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    noise = rng.integers(-4, 5, large.shape, np.int16)
    return Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))


def cases() -> list[Case]:
    """What is measured."""
    found: list[Case] = []
    for width, height in ((1024, 768), (2048, 1536)):
        for kind, options in (("JPEG", {"quality": 90}), ("PNG", {"compress_level": 1})):
            found.append(Case(f"{kind} {width}x{height}", _file(width, height, kind, **options)))
    large = _file(4000, 3000, "JPEG", quality=90)
    return [*found, Case("JPEG 4000x3000, reduced to 2048", large, 2048)]


def _file(width: int, height: int, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    photo(width, height).save(stream, kind, **options)
    return stream.getvalue()


class Sample(NamedTuple):
    """One image, decoded one way: milliseconds."""

    wall: float
    cpu: float


def timed(case: Case, policy: ImagePolicy) -> Sample:
    """Decode once."""
    before, start = _cpu_seconds(), time.perf_counter()
    case.load(policy)
    wall = time.perf_counter() - start
    return Sample(wall * 1e3, (_cpu_seconds() - before) * 1e3)


def _cpu_seconds() -> float:
    """Of this process and its children; theirs in steps of 10 ms."""
    children = [sum(child.cpu_times()[:2]) for child in psutil.Process().children()]
    return time.process_time() + sum(children)


def copies(case: Case, policy: ImagePolicy) -> float:
    """Memory that this process takes more while it holds an image, by the image's own size."""
    me = psutil.Process()
    gc.collect()
    before = _own_bytes(me)
    image = case.load(policy)
    grown = _own_bytes(me) - before
    return grown / (image.pixels.width * image.pixels.height * 4)


def _own_bytes(process: psutil.Process) -> int:
    """Resident bytes, shared ones by their share only, where the system tells it."""
    info = process.memory_full_info()
    return int(getattr(info, "pss", info.rss))


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Both ways in turn, each first as often as the other."""
    ways: dict[str, Callable[[], Sample]] = {
        "here": lambda: timed(case, HERE),
        "there": lambda: timed(case, THERE),
    }
    for way in ways.values():
        way()
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            samples[name].append(ways[name]())
    more = [there.wall - here.wall for here, there in zip(*samples.values(), strict=True)]
    cpu = {name: statistics.mean(sample.cpu for sample in each) for name, each in samples.items()}
    return {
        "case": case.name,
        "file_bytes": len(case.data),
        "here_ms": statistics.median(sample.wall for sample in samples["here"]),
        "there_ms": statistics.median(sample.wall for sample in samples["there"]),
        "more_ms": statistics.median(more),
        "more_cpu_ms": cpu["there"] - cpu["here"],
        "copies": max(copies(case, THERE) for _ in range(3)),
        "load": os.getloadavg()[0],
        "samples": samples,
    }


def is_met(row: dict[str, Any]) -> bool:
    """Whether a row is within both bars."""
    return row["more_ms"] <= MOST_MS and row["copies"] <= MOST_COPIES


def _run(options: argparse.Namespace) -> int:
    posture = find_posture()
    rows: list[dict[str, Any]] = []
    for case in cases():
        notice(f"measuring {case.name}")
        rows.append(measure(case, options.rounds))
    if options.json:
        print(json.dumps({"facts": machine_facts(), "posture": str(posture), "rows": rows}))
    else:
        head = ["image", "file", "here", "in a child", "more", "more CPU", "copies", "load", "met"]
        cells = [
            [
                row["case"],
                f"{row['file_bytes'] / 1e6:.1f} MB",
                *(f"{row[name]:.1f} ms" for name in ("here_ms", "there_ms", "more_ms")),
                f"{row['more_cpu_ms']:.1f} ms",
                f"{row['copies']:.2f}",
                f"{row['load']:.1f}",
                "yes" if is_met(row) else "no",
            ]
            for row in rows
        ]
        print(f"{machine_facts()['cpu']}; {posture}\n\n{markdown_table(head, cells, 1)}")
    return 0 if all(map(is_met, rows)) else FAILED


main = Command("isolation", __doc__, _run)
main.add_argument("--rounds", type=int, default=30, help="images decoded each way")
main.add_argument("--json", action="store_true", help="all samples")

if __name__ == "__main__":
    sys.exit(main())
