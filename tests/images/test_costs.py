"""Sources that would cost far more than their size: bounded processor time and memory."""

from __future__ import annotations

import sys

import pytest

from tests.support.costs import MB, costs
from tests.support.floods import FLOODS
from tests.support.large_images import DECODES

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="peaks of memory are read from Linux's /proc"
)

MOST_SECONDS, MOST_BYTES = 4, 280 * MB
"""The limit is 256 MB for pixels; the rest is the source's own bytes and the allocator's rounding.
A machine half as fast as ours takes 2 s for the slowest."""


def check(module: str, cases: dict) -> None:
    for name, cost in costs(f"tests.support.{module}", list(cases)).items():
        assert cost.outcome.startswith(cases[name][1]), (name, cost)
        assert cost.seconds < MOST_SECONDS, (name, cost)
        assert cost.extra < MOST_BYTES, (name, cost)


def test_a_flood_is_told_by_its_structure_in_little_time_and_memory() -> None:
    check("floods", FLOODS)


@pytest.mark.slow
def test_the_largest_images_that_are_accepted_stay_within_the_bounds() -> None:
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    check("large_images", DECODES)
