"""Documents that cost far more than their size: 20 seconds and 1 GB of a child, nothing of us."""

from __future__ import annotations

import pytest

from tests.support.documents import pdf_only
from tests.support.hostile.catalogue import bombs
from tests.support.hostile.trial import Bounds

pytestmark = pdf_only
LIMITS = Bounds(seconds=25)
"""20 for the child, and what a loaded machine takes to notice."""


def test_there_are_sixty():
    assert len(bombs()) >= 60


@pytest.mark.timeout(600)
def test_a_share_of_the_bombs_is_held(attacked):
    attacked("python", list(bombs().values())[::30], LIMITS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("surface", ["python", "mcp-http", "ingest"])
def test_every_bomb_is_held(attacked, surface):
    attacked(surface, bombs().values(), LIMITS)
