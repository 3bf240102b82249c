"""Damage to the files of a model, as disks, copies and people do it; the same for the same seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

PAGE = 512


def corrupt(folder: Path, names: list[str], seed: int) -> str:
    """Damage one or two of the files in one way; says which and how.

    Half of the time the file keeps its time of change.
    """
    rng = random.Random(seed)
    kind = rng.choice([*_IN_PLACE, "renamed", "removed"])
    name = rng.choice(names)
    path = folder / name
    if kind == "removed":
        path.unlink()
    elif kind == "renamed":
        other = folder / rng.choice([each for each in names if each != name])
        first, second = path.read_bytes(), other.read_bytes()
        path.write_bytes(second)
        other.write_bytes(first)
        name = f"{name} and {other.relative_to(folder)}"
    else:
        before = path.stat()
        path.write_bytes(_IN_PLACE[kind](path.read_bytes(), rng))
        if rng.random() < 0.5:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"{name}: {kind}"


def _truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _bit(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _swapped(data: bytes, rng: random.Random) -> bytes:
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    a, b = rng.randrange(len(pages)), rng.randrange(len(pages))
    pages[a], pages[b] = pages[b], pages[a]
    return b"".join(pages)


def _zeroed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    size = min(rng.choice([16, PAGE, 4096]), len(data) - at)
    return data[:at] + bytes(size) + data[at + size :]


def _random(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    size = min(PAGE, len(data) - at)
    return data[:at] + rng.randbytes(size) + data[at + size :]


def _longer(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.randrange(1, PAGE))


_IN_PLACE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "truncated": _truncated,
    "one bit flipped": _bit,
    "pages swapped": _swapped,
    "a block zeroed": _zeroed,
    "a block random": _random,
    "longer": _longer,
}
