"""`kill -9` at any moment: the records are those of a run that nobody disturbed."""

from __future__ import annotations

import random

import pytest

from smolvlm_tools.ingest.ingest import LOOKERS
from tests.support.killed_runs import EMBEDDED, FAKE, Runs, records_of
from tests.support.mixed_corpus import build_corpus

IN_FLIGHT = 3 * LOOKERS
"""Pages that may be with the engine, or finished and not yet kept."""


def kill_until(runs, folder, place, seed, longest):
    """Kill runs until one ends; how often."""
    times, kills = random.Random(seed), 0
    while runs.start(folder, place / "out.jsonl", place / "calls").kill_after(
        times.uniform(0.05, longest)
    ):
        kills += 1
        assert kills < 60, "it does not come to an end"
    assert runs.code == 0
    return kills


def campaign(engine, folder, expected, undisturbed, tmp_path, kills, longest):
    """Kill runs so often, one series after the other; each has to end with the same records."""
    done = series = 0
    with Runs(engine) as runs:
        calls = tmp_path / "calls"
        assert runs.start(folder, undisturbed, calls).wait() == 0
        records = records_of(undisturbed)
        assert len(records) == expected
        alone = len(calls.read_text().splitlines())
        while done < kills:
            place = tmp_path / f"{series}"
            place.mkdir()
            killed = kill_until(runs, folder, place, series, longest)
            assert records_of(place / "out.jsonl") == records
            asked = len((place / "calls").read_text().splitlines())
            assert asked - alone <= killed * IN_FLIGHT
            done, series = done + killed, series + 1
    return done, series


def test_runs_that_are_killed_end_with_the_same_records(tmp_path):
    folder = tmp_path / "corpus"
    expected = build_corpus(folder, share=10)
    done, _ = campaign(FAKE, folder, expected, tmp_path / "whole.jsonl", tmp_path, 4, 2.5)
    assert done >= 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("engine", "longest"), [(FAKE, 2.0), (EMBEDDED, 4.0)])
def test_two_hundred_kills(engine, longest, tmp_path):
    folder = tmp_path / "corpus"
    expected = build_corpus(folder)
    done, series = campaign(
        engine, folder, expected, tmp_path / "whole.jsonl", tmp_path, 100, longest
    )
    print(f"{done} kills in {series} series of {expected} records")
