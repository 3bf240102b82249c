"""quanto compiles an extension when it unpacks 4-bit weights for the first time: a minute."""

from __future__ import annotations

import pytest

COMPILES = "quanto-int4"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that would have it do so; the hook is told of all tests."""
    for item in items:
        if "tests/backends/torch" in item.path.as_posix() and COMPILES in item.name:
            item.add_marker(pytest.mark.slow)
