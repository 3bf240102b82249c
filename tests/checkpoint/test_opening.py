"""Names to files: aliases, folders, safetensors framing."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_tools import BadOptions, ModelInvalid, ModelNotFound
from smolvlm_tools.checkpoint import (
    ALIASES,
    Checkpoint,
    aliases,
    check_safetensors,
    list_models,
    open_checkpoint,
)
from tests.support.tiny_files import tiny_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-model"
    for name, content in tiny_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_folder_opens_under_its_own_name_with_its_files_listed(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "index.json").write_text("{}")
    checkpoint = open_checkpoint(folder)
    assert checkpoint.id == "my-model"
    assert checkpoint.revision is None
    assert checkpoint.folder == folder
    assert checkpoint.config.vision.image_size == 32
    assert checkpoint.files == frozenset(tiny_files()) - {"pytorch_model.bin", "modeling.py"}
    assert checkpoint.tokenizer().encode("ab").tokens == ["a", "b"]


def test_a_folder_may_be_named_by_text_and_relatively(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert open_checkpoint("my-model").id == "my-model"
    monkeypatch.chdir(folder)
    assert open_checkpoint(".").id == "my-model"


def test_a_checkpoint_in_a_folder_fetches_what_it_has_and_refuses_the_rest(folder: Path) -> None:
    checkpoint = Checkpoint.from_folder(folder)
    checkpoint.fetch(["model.safetensors", "onnx/vision_encoder_int8.onnx"])
    for name in ("onnx/vision_encoder_q4.onnx", "pytorch_model.bin", "../my-model/config.json"):
        with pytest.raises(ModelNotFound, match="has no file"):
            checkpoint.fetch([name])


def test_an_unknown_name_lists_the_aliases_and_suggests_the_closest() -> None:
    with pytest.raises(ModelNotFound) as caught:
        open_checkpoint("256")
    message = str(caught.value)
    assert "'256'" in message
    assert "Did you mean '256m'?" in message
    assert all(alias in message for alias in ALIASES)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", Path("nowhere")])
def test_a_missing_folder_is_named(name: str | Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no folder|no model"):
        open_checkpoint(name)


def test_a_file_is_no_checkpoint(folder: Path) -> None:
    with pytest.raises(ModelNotFound, match="is a file"):
        open_checkpoint(folder / "config.json")


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(BadOptions, match="has no revision 'main'"):
        open_checkpoint(folder, revision="main")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_missing_configuration_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelNotFound, match=name):
        open_checkpoint(folder).tokenizer()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_damaged_configuration_file_is_invalid(folder: Path, name: str) -> None:
    (folder / name).write_text('{"half":')
    with pytest.raises(ModelInvalid, match=name):
        open_checkpoint(folder).tokenizer()


def test_the_embedded_checkpoint_is_named_as_what_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smolvlm_tools.checkpoint.opening.EMBEDDED_FOLDER", folder)
    checkpoint = open_checkpoint("embedded")
    assert checkpoint.id == aliases.EMBEDDED_ID == "smolvlm-embedded"
    assert checkpoint.revision is None


def test_a_package_without_the_embedded_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smolvlm_tools.checkpoint.opening.EMBEDDED_FOLDER", tmp_path)
    with pytest.raises(ModelNotFound, match="lacks the embedded checkpoint"):
        open_checkpoint("embedded")


def test_a_whole_safetensors_file_passes_and_a_cut_or_longer_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    whole = tiny_files()["model.safetensors"]
    path.write_bytes(whole)
    check_safetensors(path)
    for damaged in (whole[:-1], whole[:40], whole[:5], b"", whole + b"x", b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(ModelInvalid, match=r"model\.safetensors"):
            check_safetensors(path)


@pytest.mark.parametrize(
    "header", ["[]", "{", '{"a": 1}', '{"a": {"shape": [1], "data_offsets": ["x"]}}']
)
def test_a_safetensors_file_with_a_senseless_header_is_invalid(tmp_path: Path, header: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(ModelInvalid):
        check_safetensors(path)


def test_a_missing_safetensors_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"model\.safetensors"):
        check_safetensors(tmp_path / "model.safetensors")


def test_the_model_list_has_every_alias_and_what_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--HuggingFaceTB--SmolVLM-500M-Instruct"
    snapshot = repository / "snapshots" / ("5" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("5" * 40)
    models = {model.alias: model for model in list_models()}
    assert list(models) == list(ALIASES)
    assert models["256m"].parameters == 256_484_928
    assert models["256m"].download_bytes == 513_028_808
    assert not models["256m"].cached
    assert models["500m"].cached


def test_the_embedded_checkpoint_counts_its_own_parameters(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smolvlm_tools.checkpoint.listing.EMBEDDED_FOLDER", folder)
    embedded = list_models()[-1]
    assert (embedded.parameters, embedded.download_bytes, embedded.cached) == (2048, 0, True)


def test_known_files_are_the_published_ones(reference: Path) -> None:
    from smolvlm_tools.checkpoint.known_files import KNOWN_FILES, FileFacts

    known = KNOWN_FILES["HuggingFaceTB/SmolVLM-256M-Instruct"]
    lines = (reference / "SmolVLM-256M-Instruct" / "hub_files.txt").read_text().splitlines()
    published = {}
    for line in lines:
        name, size, digest = line.split()
        published[name] = FileFacts(int(size), digest.removeprefix("sha256:"))
    assert known == published


def test_opening_a_folder_loads_no_hub_client(folder: Path) -> None:
    program = (
        "import json, sys; from smolvlm_tools import open_checkpoint;"
        f"open_checkpoint({str(folder)!r});"
        "print(json.dumps([m for m in ('huggingface_hub', 'httpx2', 'torch') if m in sys.modules]))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(output) == []
