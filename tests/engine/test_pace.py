"""How long a stage will probably still take: nothing is said that is not known."""

from __future__ import annotations

import pytest

from smolvlm_tools import Progress
from smolvlm_tools.tools import ToolProgress
from smolvlm_tools.types import Pace


def tiles(done, total=17, **more):
    return Progress(stage="vision", done=done, total=total, **more)


def paced(*events):
    """A pace that has taken (progress, seconds)."""
    pace = Pace()
    for progress, now in events:
        pace.take(progress, now)
    return pace


def test_the_rate_of_the_tiles_so_far_says_how_long_the_others_take():
    pace = paced((tiles(1), 100.0), (tiles(3), 104.0))
    assert pace.left(tiles(3), 104.0) == "about 28 s left"
    pace.take(tiles(9), 108.0)  # quicker
    assert pace.left(tiles(9), 108.0) == "about 8 s left"


def test_it_counts_down_until_more_is_known():
    pace = paced((tiles(1), 0.0), (tiles(11), 10.0))
    said = [pace.left(tiles(11), now) for now in (10.0, 12.0, 15.5)]
    assert said == ["about 6 s left", "about 4 s left", "about 1 s left"]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [(tiles(1), 0.0)],
        [(tiles(8), 0.0), (tiles(8), 4.0)],
        [(tiles(8), 0.0), (tiles(9), 0.4)],
    ],
    ids=["nothing is done", "one piece", "no more than at first", "for too short a time"],
)
def test_nothing_is_said_before_a_rate_is_known(events):
    assert paced(*events).left(tiles(9), 4.0) == ""


def test_tiles_that_were_kept_from_before_are_not_in_the_rate():
    pace = paced((tiles(12), 0.0), (tiles(13), 2.0))  # 12 of them came at once
    assert pace.left(tiles(13), 2.0) == "about 8 s left"


def test_nothing_is_said_once_it_is_done_or_the_time_is_over():
    assert paced((tiles(1), 0.0), (tiles(17), 9.0)).left(tiles(17), 9.0) == ""
    assert paced((tiles(1), 0.0), (tiles(16), 15.0)).left(tiles(16), 17.0) == ""


def test_of_tokens_it_is_the_most_that_it_can_be():
    first, later = (ToolProgress("decode", done, 512) for done in (1, 31))
    assert paced((first, 0.0), (later, 1.5)).left(later, 1.5) == "at most 25 s left"


def test_long_times_are_minutes():
    pace = paced((tiles(1, 61), 0.0), (tiles(2, 61), 1.5))
    assert pace.left(tiles(2, 61), 1.5) == "about 89 s left"
    pace.take(tiles(3, 61), 10.0)
    assert pace.left(tiles(3, 61), 10.0) == "about 5 min left"


def test_stages_and_pages_have_rates_of_their_own():
    pace = paced((tiles(1), 0.0), (tiles(1, page=2), 1.0), (tiles(5), 4.0), (tiles(3, page=2), 9.0))
    assert pace.left(tiles(5), 4.0) == "about 12 s left"
    assert pace.left(tiles(3, page=2), 9.0) == "about 56 s left"
    assert pace.left(Progress(stage="decode", done=3, total=9), 9.0) == ""
