"""The benchmark of many questions asks about fresh pages, and its arithmetic is right."""

from __future__ import annotations

import pytest

from benchmarks import many_questions
from benchmarks.many_questions import QUESTIONS, Costs
from smolvlm_tools import SmolVLM


def test_every_round_looks_at_fresh_pages_once() -> None:
    with SmolVLM.load("embedded") as vlm:
        costs = many_questions.measure(vlm, rounds=1)
    assert (len(costs.one), len(costs.many)) == (1, 1)
    assert 1 < costs.encoded <= costs.tiles, "a page's equal tiles are encoded once"
    first, *others = costs.read
    assert len(costs.read) == len(QUESTIONS) and all(read < 40 < first for read in others)
    pages = [many_questions.draw_page(number).tobytes() for number in (0, 1)]
    assert pages[0] != pages[1]


def test_the_ratio_is_that_of_the_medians() -> None:
    costs = Costs((1.0, 2.0, 9.0), (2.5, 2.2, 2.0), 17, 17, (100, 10))
    assert costs.ratio == pytest.approx(1.1)
    assert "1.100" in many_questions.table(costs)
    assert "| each further question, ms | 29 |" in many_questions.table(costs)
