"""A server that runs for days: memory after many requests is what it was after a few."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from smolvlm_tools import CacheLimits, Cancelled, SmolVLM
from tests.support.requests import Countdown, asking

BOUND = 16_000_000


def resident_bytes() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def conversation(chance: random.Random) -> list[dict]:
    """One of many images, in one of many sizes, and one of many questions."""
    side = chance.choice([60, 128, 200, 256])
    pixels = np.random.default_rng(chance.randrange(50)).integers(0, 255, (side, 256, 3), np.uint8)
    messages = asking("x", f"What is number {chance.randrange(1000)}? " * chance.randrange(1, 4))
    messages[0]["content"][0] = {"type": "image", "image": pixels}
    return messages


def serve(vlm: SmolVLM, chance: random.Random, count: int) -> None:
    """Answer `count` requests: some together, some cancelled midway."""
    while count > 0:
        together = min(count, chance.choice([1, 1, 5]))
        vlm.batch([conversation(chance) for _ in range(together)], max_new_tokens=6)
        count -= together
        try:
            vlm.generate(conversation(chance), cancel=Countdown(chance.randrange(8)))
        except Cancelled:
            pass
        count -= 1


@pytest.mark.skipif(sys.platform == "win32", reason="working sets are trimmed there at will")
@pytest.mark.parametrize(
    "requests", [60, pytest.param(500, marks=pytest.mark.slow)], ids=["share", "all"]
)
def test_memory_does_not_grow_with_the_number_of_requests(embedded, requests):
    limits = CacheLimits(vision_bytes=1_000_000, kv_bytes=4_000_000)
    chance = random.Random(1)
    with SmolVLM.load(embedded, backend="onnx", precision="fp32", cache=limits) as vlm:
        serve(vlm, chance, 60)
        before = resident_bytes()
        serve(vlm, chance, requests)
        grown = resident_bytes() - before
    assert grown < BOUND, f"{grown / 1e6:.1f} MB more after {requests} requests"
