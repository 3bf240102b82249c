"""A measurement in a fresh process always ends in an answer."""

from __future__ import annotations

from benchmarks.process import measure_fresh
from benchmarks.speed.measure import measure

ARGUMENTS = {"group": "cold", "folder": "none", "images": "none", "page_limit": 1}


def test_a_typed_error_comes_back_with_its_code() -> None:
    answer = measure_fresh(measure, {**ARGUMENTS, "engine": "abacus"}, timeout_s=60)
    assert answer["code"] == "bad_options" and "unknown engine 'abacus'" in answer["error"]


def test_another_error_comes_back_as_its_last_line() -> None:
    answer = measure_fresh(measure, {**ARGUMENTS, "engine": "auto", "group": "?"}, timeout_s=60)
    assert answer == {"error": "its process ended with code 1: KeyError: '?'"}


def test_a_process_that_takes_too_long_is_stopped() -> None:
    answer = measure_fresh(measure, {**ARGUMENTS, "engine": "auto"}, timeout_s=0.01)
    assert answer == {"error": "took over 0.01 s"}
