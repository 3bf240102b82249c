"""Every format cut off, with flipped bits, and with parts that are missing or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.support.broken_images import BROKEN

from .case import ANY, Case, codes, image
from .formats import NAMES, sound

_CUTS = (3, 12, 26, 0.1, 0.35, 0.6, 0.9, -1)
_SEEDS = range(4)


def cases() -> Iterator[Case]:
    for name, (data, error) in BROKEN.items():
        # A costly one may also end the child that reads it.
        more = {"document_too_costly"} if error.code == "image_too_large" else set[str]()
        if not data:
            more.add("bad_prompt")  # a chat message without an image
        yield image(name, lambda data=data: data, codes(error, more))
    for name in NAMES:
        for cut in _CUTS:
            told = f"{cut:.0%}" if isinstance(cut, float) else f"{cut} bytes"
            yield image(f"{name} cut at {told}", partial(cut_off, name, cut), ANY, pages="1")
        for seed in _SEEDS:
            make = partial(flipped, name, seed)
            yield image(f"{name} with flipped bits {seed}", make, ANY, pages="1")
        for what, change in _CHANGES.items():
            make = partial(changed, name, what)
            yield image(f"{name} {what}", make, ANY, pages="1")
            assert callable(change)


def cut_off(name: str, cut: float) -> bytes:
    data = sound(name)
    at = round(cut * len(data)) if isinstance(cut, float) else int(cut)
    return data[:at]


def flipped(name: str, seed: int) -> bytes:
    """Eight bits: in the first 200 bytes where the seed is even, anywhere where it is odd."""
    data, rng = bytearray(sound(name)), np.random.default_rng(seed)
    most = len(data) if seed % 2 else min(200, len(data))
    for at in rng.integers(4, most, 8):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def changed(name: str, what: str) -> bytes:
    return _CHANGES[what](sound(name))


def _zeroed(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


def _without_middle(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + data[2 * third :]


def _swapped(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:16] + data[half:] + data[16:half]


_CHANGES = {
    "with a third zeroed": _zeroed,
    "without its middle": _without_middle,
    "with halves swapped": _swapped,
    "twice": lambda data: data + data,
    "with a megabyte behind it": lambda data: data + b"\xff" * 1_000_000,
    "that is 0xff after 40 bytes": lambda data: data[:40] + b"\xff" * (len(data) - 40),
}
