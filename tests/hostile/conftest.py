"""The place where the attacked stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.support.hostile.case import Case
from tests.support.hostile.report import failures
from tests.support.hostile.trial import Attack, Bounds, Outcome, a_place


@pytest.fixture(scope="session")
def attacked(
    embedded: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., list[Outcome]]]:
    """Sends cases to a surface: (name, cases, bounds) → outcomes. Fails for what is not held."""
    with a_place(tmp_path_factory.mktemp("hostile")) as (place, trap):

        def attack(
            surface: str, cases: Iterable[Case], bounds: Bounds | None = None
        ) -> list[Outcome]:
            attacking = Attack(surface, place, trap, bounds)
            try:
                outcomes = list(attacking.run(cases))
            finally:
                attacking.close()
            told = failures(outcomes)
            if told:
                pytest.fail(f"{told}\n\npython -m benchmarks.hostile --surface {surface}")
            return outcomes

        yield attack
