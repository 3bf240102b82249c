"""Random changes to sound inputs: an error of ours or a result. The night's length of the same is
`python -m benchmarks.fuzz --minutes 60`.
"""

from __future__ import annotations

import random

import pytest

from tests.support.documents import pdf_only
from tests.support.hostile.entrances import ENTRANCES, enter
from tests.support.hostile.formats import HAS_HEIF
from tests.support.hostile.mutator import mutate

_IN_PROCESS = [name for name in ENTRANCES if name != "pdf" and (name != "heic" or HAS_HEIF)]
_TIMES = 400
"""Of each entrance: 4,000 in all."""


def enter_changed(name: str, times: int) -> tuple[int, int]:
    """How many of the changed inputs were taken, and of the sound ones."""
    seeds = ENTRANCES[name].seeds()
    rng = random.Random(f"{name} 16")
    taken = 0
    for number in range(times):
        data = mutate(seeds[number % len(seeds)], rng, seeds)
        try:
            taken += enter(name, data)
        except Exception as error:
            error.add_note(f"entrance {name}, input {data!r}") if hasattr(error, "add_note") else 0
            raise
    return taken, sum(enter(name, seed) for seed in seeds)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", _IN_PROCESS)
def test_a_changed_input_is_taken_or_refused(name):
    taken, sound = enter_changed(name, _TIMES)
    assert sound, "no seed is taken, so nothing behind the door was tried"
    assert taken < _TIMES


@pdf_only
@pytest.mark.timeout(300)
def test_a_changed_document_is_taken_or_refused():
    _, sound = enter_changed("pdf", 60)
    assert sound


def test_the_changes_are_the_same_for_the_same_seed():
    data = bytes(range(256))
    first, second = (mutate(data, random.Random(7)) for _ in range(2))
    assert first == second != data
