"""An engine that counts what it is asked."""

from __future__ import annotations

import pytest

from tests.support.ingesting import CountingEngine


@pytest.fixture
def vlm(embedded):
    with CountingEngine.make() as engine:
        yield engine
