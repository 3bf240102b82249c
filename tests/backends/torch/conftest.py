"""Adapters that several tests use; and which tests are slow as they compile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def plain(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("peft", reason="peft is not installed")
    from tests.support.lora import DECODER, train

    return train(tiny_a, tmp_path_factory.mktemp("plain"), target_modules=DECODER)


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "my-adapter"))


COMPILES = "quanto-int4"
"""quanto compiles an extension when it unpacks 4-bit weights for the first time: a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that would have it do so; the hook is told of all tests."""
    for item in items:
        if "tests/backends/torch" in item.path.as_posix() and COMPILES in item.name:
            item.add_marker(pytest.mark.slow)
