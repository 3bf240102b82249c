"""Memory of a run does not follow the number of files."""

from __future__ import annotations

import pytest

from benchmarks.ingestion.measure import growth
from benchmarks.process import measure_fresh


@pytest.mark.slow
def test_thousands_of_tiny_images_take_no_more_memory_than_hundreds():
    answer = measure_fresh(growth, {"images": 2_000}, 250)
    assert "error" not in answer, answer
    assert answer["bytes"] <= 25_000_000, "100 MB over 10,000"
