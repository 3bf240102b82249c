"""Downloads from a loopback server that speaks the hub's protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_tools import ModelError, ModelInvalid, ModelNotFound, open_checkpoint
from smolvlm_tools.checkpoint import ALIASES
from smolvlm_tools.checkpoint.known_files import KNOWN_FILES
from tests.support.hub_server import COMMIT, HubRepository, HubServer
from tests.support.tiny_files import tiny_files

ID = "someone/tiny-smolvlm"
CONFIGURATION = {
    "config.json",
    "preprocessor_config.json",
    "generation_config.json",
    "tokenizer.json",
}


def test_opening_downloads_the_configuration_only_and_records_the_commit(hub: HubServer) -> None:
    checkpoint = open_checkpoint(ID)
    assert (checkpoint.id, checkpoint.revision) == (ID, COMMIT)
    assert set(hub.downloads) == CONFIGURATION
    assert checkpoint.config.text.vocab_size == 4
    assert checkpoint.tokenizer().get_vocab_size() == 4


def test_only_data_formats_are_offered_and_only_what_is_asked_for_is_fetched(
    hub: HubServer,
) -> None:
    checkpoint = open_checkpoint(ID)
    assert checkpoint.files == set(tiny_files()) - {"pytorch_model.bin", "modeling.py"}
    checkpoint.fetch(["onnx/vision_encoder_int8.onnx"])
    assert set(hub.downloads) == CONFIGURATION | {"onnx/vision_encoder_int8.onnx"}
    content = (checkpoint.folder / "onnx" / "vision_encoder_int8.onnx").read_bytes()
    assert content == tiny_files()["onnx/vision_encoder_int8.onnx"]
    for name in ("pytorch_model.bin", "modeling.py", "model.onnx"):
        with pytest.raises(ModelNotFound, match="has no file"):
            checkpoint.fetch([name])


def test_cached_files_are_not_downloaded_again(hub: HubServer) -> None:
    open_checkpoint(ID).fetch(["model.safetensors"])
    before = len(hub.downloads)
    open_checkpoint(ID).fetch(["model.safetensors"])
    assert len(hub.downloads) == before


@pytest.mark.parametrize("revision", ["v1.0", COMMIT])
def test_a_revision_resolves_to_its_commit(
    hub: HubServer, repository: HubRepository, revision: str
) -> None:
    repository.revisions = ("v1.0", COMMIT)
    assert open_checkpoint(ID, revision=revision).revision == COMMIT
    assert open_checkpoint(ID, revision=revision, local_files_only=True).revision == COMMIT


def test_a_download_with_flipped_bits_is_invalid_and_not_kept(
    hub: HubServer, repository: HubRepository
) -> None:
    good = repository.files["model.safetensors"]
    repository.served["model.safetensors"] = good[:-1] + b"\x01"
    checkpoint = open_checkpoint(ID)
    with pytest.raises(ModelInvalid, match=r"model\.safetensors has the SHA-256"):
        checkpoint.fetch(["model.safetensors"])
    assert not list(checkpoint.folder.rglob("*.safetensors"))
    repository.served.clear()
    checkpoint.fetch(["model.safetensors"])
    assert (checkpoint.folder / "model.safetensors").read_bytes() == good


def test_a_truncated_download_is_invalid_and_not_kept(
    hub: HubServer, repository: HubRepository
) -> None:
    repository.served["model.safetensors"] = repository.files["model.safetensors"][:-9]
    checkpoint = open_checkpoint(ID)
    with pytest.raises(ModelInvalid):
        checkpoint.fetch(["model.safetensors"])
    assert not list(checkpoint.folder.rglob("*.safetensors"))


def test_a_cached_file_of_another_size_is_invalid(hub: HubServer) -> None:
    checkpoint = open_checkpoint(ID)
    checkpoint.fetch(["model.safetensors"])
    path = Path(os.path.realpath(checkpoint.folder / "model.safetensors"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelInvalid, match="bytes instead of"):
        open_checkpoint(ID).fetch(["model.safetensors"])


def test_what_is_cached_opens_without_the_network(hub: HubServer) -> None:
    open_checkpoint(ID).fetch(["model.safetensors"])
    seen = len(hub.requests)
    checkpoint = open_checkpoint(ID, local_files_only=True)
    assert checkpoint.revision == COMMIT
    assert checkpoint.files == CONFIGURATION | {"model.safetensors"}
    checkpoint.fetch(["model.safetensors"])
    with pytest.raises(ModelNotFound, match="has no file"):
        checkpoint.fetch(["onnx/vision_encoder_int8.onnx"])
    assert len(hub.requests) == seen


def test_offline_mode_of_the_environment_is_respected(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFound) as caught:
        open_checkpoint("256m")
    assert f"hf download {ALIASES['256m']}" in caught.value.remedy
    assert "the model 'embedded'" in caught.value.remedy
    assert hub.requests == []


def test_local_files_only_never_asks_the_hub(hub: HubServer) -> None:
    with pytest.raises(ModelNotFound, match="is not cached"):
        open_checkpoint(ID, local_files_only=True)
    with pytest.raises(ModelNotFound, match="is not cached"):
        open_checkpoint(ID, revision="../../x", local_files_only=True)
    assert hub.requests == []


def test_an_unreachable_hub_says_so_unless_the_model_is_cached(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    online = open_checkpoint(ID)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be reached"):
        open_checkpoint("someone/else")
    assert open_checkpoint(ID).revision == online.revision
    assert "using the cached" in caplog.text


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (404, "RepoNotFound", ModelNotFound, "no model someone/tiny-smolvlm"),
        (401, "GatedRepo", ModelNotFound, "is gated"),
        (404, "RevisionNotFound", ModelNotFound, "no revision"),
        (500, "Oops", ModelError, "status 500"),
    ],
)
def test_answers_of_the_hub_become_errors_with_a_remedy(
    hub: HubServer,
    repository: HubRepository,
    status: int,
    code: str,
    error: type[ModelError],
    words: str,
) -> None:
    repository.error = (status, code)
    with pytest.raises(error, match=words) as caught:
        open_checkpoint(ID)
    assert caught.value.remedy


def test_an_unknown_repository_and_an_impossible_id_are_not_found(hub: HubServer) -> None:
    for name in ("someone/else", "someone/a..b"):
        with pytest.raises(ModelNotFound):
            open_checkpoint(name)


def test_a_repository_without_configuration_is_not_found(
    hub: HubServer, repository: HubRepository
) -> None:
    del repository.files["config.json"]
    with pytest.raises(ModelNotFound, match=r"no config\.json"):
        open_checkpoint(ID)


def test_the_default_revision_must_hold_the_known_weights(
    hub: HubServer, repository: HubRepository
) -> None:
    hub_id = ALIASES["256m"]
    hub.repositories[hub_id] = HubRepository(hub_id, tiny_files())
    with pytest.raises(ModelInvalid, match=r"another model\.safetensors"):
        open_checkpoint("256m")
    explicit = open_checkpoint("256m", revision=COMMIT)
    explicit.fetch(["model.safetensors"])
    assert explicit.id == hub_id


def test_known_digests_are_checked_after_the_download(
    hub: HubServer, repository: HubRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smolvlm_tools.checkpoint.known_files import FileFacts

    content = repository.files["generation_config.json"]  # small: the hub states no digest
    monkeypatch.setitem(
        KNOWN_FILES, ID, {"generation_config.json": FileFacts(len(content), "0" * 64)}
    )
    with pytest.raises(ModelInvalid, match="SHA-256"):
        open_checkpoint(ID)


def test_a_download_prints_nothing_on_stdout(hub: HubServer, tmp_path: Path) -> None:
    program = (
        "from smolvlm_tools import open_checkpoint;"
        f"open_checkpoint({ID!r}).fetch(['model.safetensors'])"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "other")}
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env=environment
    )
    assert result.stdout == b""


@pytest.mark.skipif(os.name == "nt", reason="caches without links on Windows")
def test_links_to_deleted_blobs_count_as_not_cached(hub: HubServer) -> None:
    checkpoint = open_checkpoint(ID)
    checkpoint.fetch(["model.safetensors"])
    Path(os.path.realpath(checkpoint.folder / "model.safetensors")).unlink()
    assert open_checkpoint(ID, local_files_only=True).files == CONFIGURATION
    open_checkpoint(ID).fetch(["model.safetensors"])
    assert (checkpoint.folder / "model.safetensors").is_file()


def test_a_cache_that_cannot_note_revisions_still_serves(
    hub: HubServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    references = tmp_path / "cache" / "models--someone--tiny-smolvlm" / "refs"
    references.parent.mkdir(parents=True)
    references.write_text("in the way")
    assert open_checkpoint(ID).revision == COMMIT
    assert "cannot be opened offline later" in caplog.text
