"""A trained adapter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def plain(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.lora import DECODER, train  # skips where peft is not installed

    return train(tiny_a, tmp_path_factory.mktemp("plain"), target_modules=DECODER)


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "my-adapter"))
