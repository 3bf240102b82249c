"""The benchmark of what a constraint costs runs, and its arithmetic is right; no time is judged."""

from __future__ import annotations

import pytest

from benchmarks import constraints
from benchmarks.constraints import Costs, Run
from smolvlm_tools import SmolVLM


def test_free_and_typed_replies_take_turns_and_are_of_the_same_length() -> None:
    with SmolVLM.load("embedded") as vlm:
        costs = constraints.measure(vlm, tokens=10, rounds=2)
    assert (len(costs.free), len(costs.typed)) == (2, 3)  # the first typed one builds the tree
    assert {len(run.steps) for run in (*costs.free, *costs.typed)} == {8}
    assert "under the JSON schema, ms a token" in constraints.table(costs)


def test_ratios_compare_medians_of_replies_and_the_quickest_of_each_token() -> None:
    free = (Run(0.1, (1, 3)), Run(0.1, (3, 1)), Run(0.1, (9, 9)))
    typed = (Run(0.9, (99, 99)), Run(0.2, (2, 4)), Run(0.4, (4, 2)), Run(0.2, (3, 3)))
    costs = Costs(free, typed, 0)
    assert constraints.ratio(costs, constraints.median_token) == 3 / 2
    assert constraints.ratio(costs, constraints.least_token) == 2
    assert costs.trie_seconds == pytest.approx(0.7)
