"""A hub on loopback with one repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import HubRepository, HubServer, hub_of
from tests.support.tiny_files import tiny_files

ID = "someone/tiny-smolvlm"


@pytest.fixture
def repository() -> HubRepository:
    return HubRepository(ID, tiny_files())


@pytest.fixture
def hub(
    repository: HubRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubServer]:
    with hub_of(monkeypatch, tmp_path / "cache", repository) as server:
        yield server
