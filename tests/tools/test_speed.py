"""What a request is expected to take, from what others took."""

from __future__ import annotations

import pytest

from smolvlm_tools import StageSeconds, Usage
from smolvlm_tools.tools.speed import Speed


def usage(tiles=4, prompt=100, new=11, cached_tiles=0, cached=0, pace=1.0):
    """0.5 s a tile and 0.1 s to prepare it, 0.01 s a prompt token, 0.2 s a new one."""
    seconds = StageSeconds(
        preprocess=0.1 * tiles * pace,
        vision=0.5 * (tiles - cached_tiles) * pace,
        prefill=0.01 * (prompt - cached) * pace,
        decode=0.2 * (new - 1) * pace,
    )
    return Usage(
        prompt_tokens=prompt,
        image_tokens=prompt // 2,
        completion_tokens=new,
        tiles=tiles,
        cached_tokens=cached,
        cached_tiles=cached_tiles,
        seconds=seconds,
    )


def test_nothing_is_expected_before_anything_has_run():
    assert Speed().expect(4, 100) is None


def test_a_request_is_expected_to_take_what_its_parts_took():
    speed = Speed()
    speed.observe(usage())
    forecast = speed.expect(8, 200)
    assert forecast.first_token == pytest.approx(8 * 0.6 + 200 * 0.01)
    assert forecast.seconds == pytest.approx(forecast.first_token + 10 * 0.2)
    assert (forecast.new_tokens, forecast.requests) == (11, 1)


def test_cached_pieces_do_not_make_the_machine_look_faster():
    speed = Speed()
    speed.observe(usage())
    speed.observe(usage(cached_tiles=4, cached=90))
    assert speed.expect(8, 200).first_token == pytest.approx(8 * 0.6 + 200 * 0.01)
    only_cached = Speed()
    only_cached.observe(usage(cached_tiles=4, cached=90))
    assert only_cached.expect(8, 200) is None and only_cached.expect(0, 200) is not None


def test_a_machine_that_slows_down_is_noticed():
    speed = Speed(remembered=4)
    for pace in [1.0] * 8 + [2.0] * 4:
        speed.observe(usage(pace=pace))
    assert speed.expect(4, 100).seconds == pytest.approx(2 * (4 * 0.6 + 1 + 2))


def test_replies_of_one_token_tell_nothing_of_decoding():
    speed = Speed()
    speed.observe(usage(new=1))
    assert speed.expect(4, 100).seconds == pytest.approx(4 * 0.6 + 1)
