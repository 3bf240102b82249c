"""Random changes to bytes, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

_ODD = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\x80",
    b"\x7f\xff\xff\xff",
    b"9" * 20,
    b"%",
    b"[",
)


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The bytes with one to eight changes; headers, which stand first, are changed more often."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not changed:
            changed = bytearray(b"\0")
        at = _place(changed, rng)
        kind = rng.randrange(8)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.randrange(256)
        elif kind == 2:
            odd = rng.choice(_ODD)
            changed[at : at + len(odd)] = odd
        elif kind == 3:
            del changed[at : at + rng.randint(1, 64)]
        elif kind == 4:
            changed[at:at] = rng.randbytes(rng.randint(1, 16))
        elif kind == 5:
            piece = changed[at : at + rng.randint(1, 128)]
            changed[at:at] = piece * rng.randint(1, 8)
        elif kind == 6:
            del changed[at:]
        elif others:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            changed[at:] = other[start:]
    return bytes(changed)


def _place(data: bytearray, rng: random.Random) -> int:
    most = len(data) if rng.random() < 0.4 else min(len(data), 120)
    return rng.randrange(most)
