"""Adapters by hub id: two files, pinned to a commit, from a loopback server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smolvlm_tools.checkpoint import find_adapter
from smolvlm_tools.errors import ModelInvalid, ModelNotFound
from tests.support.hub_server import COMMIT, HubRepository, HubServer, hub_of

ID = "someone/my-lora"
FILES = {"adapter_config.json", "adapter_model.safetensors"}


@pytest.fixture
def repository() -> HubRepository:
    files = {"adapter_model.safetensors": bytes(5000), "adapter_config.json": b"{}"}
    return HubRepository(ID, {**files, "training_args.bin": b"pickle", "README.md": b"text"})


@pytest.fixture
def hub(
    repository: HubRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubServer]:
    with hub_of(monkeypatch, tmp_path / "cache", repository) as server:
        yield server


@pytest.mark.parametrize("name", [ID, f"{ID}@main", f"{ID}@{COMMIT}"])
def test_only_the_two_files_of_an_adapter_are_fetched_and_its_commit_is_told(
    hub: HubServer, name: str
) -> None:
    found = find_adapter(name)
    assert set(hub.downloads) == FILES
    assert {path.name for path in found.folder.iterdir()} == FILES
    assert found.id == f"{ID}@{COMMIT[:12]}"
    assert find_adapter(name, local_files_only=True) == found
    assert len(hub.downloads) == 2


def test_what_is_not_there_or_damaged_is_told_apart(
    hub: HubServer, repository: HubRepository
) -> None:
    with pytest.raises(ModelNotFound, match="not cached"):
        find_adapter(ID, local_files_only=True)
    with pytest.raises(ModelNotFound, match="nobody/lora"):
        find_adapter("nobody/lora")
    with pytest.raises(ModelNotFound, match="v9"):
        find_adapter(f"{ID}@v9")
    repository.served["adapter_model.safetensors"] = bytes(4999) + b"x"
    with pytest.raises(ModelInvalid, match="SHA-256"):
        find_adapter(ID)
    del repository.files["adapter_model.safetensors"]
    repository.files["adapter_model.bin"] = b"pickle"
    with pytest.raises(ModelNotFound, match=r"no adapter_model\.safetensors"):
        find_adapter(ID)
