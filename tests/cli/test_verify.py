"""`smolvlm doctor --verify`: every file of the models is read, and what is wrong is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smolvlm_tools import ModelInvalid, open_checkpoint
from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from smolvlm_tools.checkpoint.files import list_files
from smolvlm_tools.checkpoint.manifest import MANIFEST, read_manifest
from tests.support.hub_server import COMMIT, HubRepository, hub_of
from tests.support.tiny_files import tiny_files

ID = "someone/tiny-smolvlm"


def states(answer: Any) -> dict[str, str]:
    (model,) = json.loads(answer.out)["models"]
    return {file["name"]: file["state"] for file in model["files"]}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def test_the_embedded_checkpoint_is_what_its_manifest_says(smolvlm, embedded):
    manifest = read_manifest(EMBEDDED_FOLDER)
    assert manifest is not None
    assert set(manifest.files) == list_files(EMBEDDED_FOLDER) - {MANIFEST}
    answer = smolvlm("doctor", embedded, "--verify", "--json")
    assert answer.code == 0 and set(states(answer).values()) == {"right"}


def test_an_export_with_a_flipped_bit_a_stray_and_a_leftover(smolvlm, tiny_onnx, tmp_path):
    folder = Path(shutil.copytree(tiny_onnx, tmp_path / "export"))
    answer = smolvlm("doctor", "--verify", folder)
    assert answer.code == 0 and answer.out.startswith("export: ") and "wrong" not in answer.out
    flip(folder / "onnx" / "vision_encoder.onnx")
    shutil.copy(folder / "onnx" / "embed_tokens.onnx", folder / "onnx" / "embed_tokens_q4.onnx")
    (folder / "tokenizer.json").unlink()
    (folder / ".export-abc").mkdir()
    answer = smolvlm("doctor", "--verify", folder)
    wrong = [line for line in answer.out.splitlines() if line.startswith("  wrong: ")]
    assert answer.code == 4 and len(wrong) == 3
    assert "tokenizer.json: it is missing" in wrong[0] and "does not list it" in wrong[1]
    assert "onnx/vision_encoder.onnx has the SHA-256" in wrong[2]
    assert ".export-abc" in answer.out
    answer = smolvlm("doctor", folder, "--verify", "--json")
    report = json.loads(answer.out)
    assert answer.code == 4 and report["right"] is report["models"][0]["right"] is False


def test_what_was_downloaded_is_found_and_verified_without_the_network(
    smolvlm, tmp_path, monkeypatch
):
    with hub_of(monkeypatch, tmp_path / "cache", HubRepository(ID, tiny_files())) as hub:
        checkpoint = open_checkpoint(ID)
        checkpoint.fetch(["model.safetensors"])
        (tmp_path / "cache" / "models--other--llama" / "snapshots" / COMMIT).mkdir(parents=True)
        before = len(hub.requests)
        report = json.loads(smolvlm("doctor", "--verify", "--json").out)
        assert [model["model"] for model in report["models"]][-1] == ID
        assert report["right"] and report["models"][-1]["revision"] == COMMIT
        flip(checkpoint.folder / "model.safetensors")
        answer = smolvlm("doctor", ID, "--verify", "--json")
        assert answer.code == 4 and states(answer)["model.safetensors"] == "wrong"
        answer = smolvlm("doctor", "--verify")
        assert answer.code == 4 and f"{ID} at {COMMIT[:12]}: 4 right, 1 wrong" in answer.out
        assert len(hub.requests) == before
        with pytest.raises(ModelInvalid):
            open_checkpoint(ID, local_files_only=True).fetch(["model.safetensors"])


def test_of_a_folder_without_a_manifest_the_headers_and_values_are_looked_at(
    smolvlm, tiny_a, tmp_path
):
    folder = Path(shutil.copytree(tiny_a, tmp_path / "model"))
    answer = smolvlm("doctor", folder, "--verify", "--json")
    assert answer.code == 0 and set(states(answer).values()) == {"unknown"}
    assert "without a known digest" in smolvlm("doctor", folder, "--verify").out
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\xff\xff\xff\x7f")  # NaN
    answer = smolvlm("doctor", folder, "--verify")
    assert answer.code == 4 and "NaN" in answer.out
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in tiny_a.iterdir()
    ), "nothing is written into other people's folders"


def test_a_model_that_is_not_here_or_without_the_option(smolvlm, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert smolvlm("doctor", "256m", "--verify").code == 4
    assert smolvlm("doctor", "nothing of that name", "--verify").code == 4
    answer = smolvlm("doctor", "256m")
    assert answer.code == 2 and "--verify" in answer.err
