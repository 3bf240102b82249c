"""An export is one unit: parts of two models never load together."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from smolvlm_tools.backends.onnx import backend as onnx_backend
from smolvlm_tools.checkpoint.leftovers import leftovers
from smolvlm_tools.checkpoint.manifest import MANIFEST, Manifest, read_manifest
from smolvlm_tools.errors import BadOptions, ModelInvalid
from smolvlm_tools.export import export_checkpoint
from smolvlm_tools.machine.folder_lock import lock_folder
from tests.support.onnx_exports import load
from tests.support.snapshots import snapshot

DECODER = "onnx/decoder_model_merged.onnx"


@pytest.fixture
def folder(tiny_onnx: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_onnx, tmp_path / "export")


def test_the_manifest_lists_every_file_and_other_precisions_join_it(
    tiny_a: Path, folder: Path
) -> None:
    before = snapshot(folder)
    export_checkpoint(tiny_a, folder, ["int8"], weights="fp16")
    manifest = read_manifest(folder)
    assert manifest is not None and manifest.complete
    assert set(manifest.files) == set(snapshot(folder)) - {MANIFEST}
    assert manifest.made == {
        "fp32": {"form": "fused", "weights": "fp32"},
        "int8": {"form": "fused", "weights": "fp16"},
    }
    assert {n: c for n, c in snapshot(folder).items() if n in before and n != MANIFEST} == {
        n: c for n, c in before.items() if n != MANIFEST
    }
    for precision in ("fp32", "int8"):
        load(folder, precision).close()


@pytest.mark.parametrize("name", [DECODER, "onnx/embed_tokens.onnx", "tokenizer.json"])
def test_a_part_of_another_model_does_not_load(folder: Path, other_onnx: Path, name: str) -> None:
    before = (folder / name).stat()
    content = bytearray((other_onnx / name).read_bytes())
    if name == "tokenizer.json":
        content[-3:] = b"  }"
    (folder / name).write_bytes(content)
    assert (folder / name).stat().st_size == before.st_size
    os.utime(folder / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelInvalid, match=rf"{name} has the SHA-256"):
        load(folder)


def test_a_part_that_is_not_listed_or_missing_does_not_load(folder: Path) -> None:
    for part in ("vision_encoder", "embed_tokens", "decoder_model_merged"):
        shutil.copy(folder / f"onnx/{part}.onnx", folder / f"onnx/{part}_q4.onnx")
    with pytest.raises(ModelInvalid, match=r"_q4\.onnx does not belong"):
        load(folder, "q4")
    load(folder, "fp32").close()
    (folder / "generation_config.json").unlink()
    with pytest.raises(ModelInvalid, match=r"generation_config\.json.*missing"):
        load(folder, "fp32")


def test_another_model_is_refused_or_replaces_all_of_it(
    tiny_a: Path, tiny_other: Path, folder: Path, other_onnx: Path
) -> None:
    export_checkpoint(tiny_a, folder, ["q4"])
    (folder / "notes.txt").write_text("mine")
    before = snapshot(folder)
    with pytest.raises(BadOptions, match=r"another model \(fp32, q4\).*`replace=True`"):
        export_checkpoint(tiny_other, folder, ["fp32"])
    assert snapshot(folder) == before
    export_checkpoint(tiny_other, folder, ["fp32"], replace=True)
    assert snapshot(folder) == {**snapshot(other_onnx), "notes.txt": b"mine"}
    load(folder).close()


def test_onnx_files_that_no_manifest_lists_load_but_nothing_is_put_beside_them(
    tiny_a: Path, folder: Path
) -> None:
    (folder / MANIFEST).unlink()
    load(folder).close()
    with pytest.raises(BadOptions, match=r"of which no smolvlm-export\.json says"):
        export_checkpoint(tiny_a, folder, ["int8"])
    export_checkpoint(tiny_a, folder, ["int8"], replace=True)
    assert {path.name for path in (folder / "onnx").glob("vision*")} == {"vision_encoder_int8.onnx"}


def test_the_weights_of_another_checkpoint_are_never_replaced(
    tiny_a: Path, tiny_other: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_other, tmp_path / "model")
    before = snapshot(folder)
    for replace in (False, True):
        with pytest.raises(BadOptions, match="holds the weights of another checkpoint"):
            export_checkpoint(tiny_a, folder, replace=replace)
    assert snapshot(folder) == before


def test_an_export_beside_its_own_weights_leaves_torch_alone(
    tiny_a: Path, tiny_other: Path, tmp_path: Path
) -> None:
    from smolvlm_tools import SmolVLM

    folder = shutil.copytree(tiny_a, tmp_path / "model")
    export_checkpoint(folder, folder)
    shutil.copy(tiny_other / "model.safetensors", folder)
    SmolVLM.load(folder, backend="torch").close()
    with pytest.raises(BadOptions, match="another model"):
        export_checkpoint(folder, folder)
    export_checkpoint(folder, folder, replace=True)
    assert (folder / "model.safetensors").read_bytes() == (
        tiny_other / "model.safetensors"
    ).read_bytes()
    load(folder).close()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"version": 1}',
        '{"version": 2, "files": {}, "source": "", "complete": true}',
        '{"version": 1, "files": {"../x.onnx": {"size": 1, "sha256": "0"}}, "source": "", '
        '"complete": true}',
        '{"version": 1, "files": {}, "source": "", "complete": true, "stale": ["/etc/x.json"]}',
    ],
)
def test_a_damaged_manifest_is_a_typed_error(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content)
    with pytest.raises(ModelInvalid, match="damaged"):
        load(folder)


def test_files_that_are_replaced_while_they_are_loaded_are_refused(
    folder: Path, other_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_session = onnx_backend.create_session

    def slow(path: Path, *rest: object):
        if path.name == "decoder_model_merged.onnx":
            shutil.copytree(other_onnx, folder, dirs_exist_ok=True)
        return create_session(path, *rest)

    monkeypatch.setattr(onnx_backend, "create_session", slow)
    with pytest.raises(ModelInvalid, match="while they were being loaded"):
        load(folder)


def test_what_a_killed_export_left_is_removed_by_the_next_and_a_live_one_is_not(
    tiny_a: Path, folder: Path
) -> None:
    dead, live = folder / ".export-dead", folder / ".export-live"
    for path in (dead, live):
        (path / "onnx").mkdir(parents=True)
        (path / "onnx" / "x.onnx").write_bytes(b"x")
    handle = lock_folder(live, wait=False)
    assert handle is not None
    assert leftovers(folder) == [dead]
    export_checkpoint(tiny_a, folder, ["int8"])
    assert not dead.exists() and live.exists()
    os.close(handle)
    export_checkpoint(tiny_a, folder, ["int8"])
    assert not list(folder.glob(".export-*"))


def test_a_large_file_is_read_in_full_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smolvlm_tools.checkpoint import checking, folder_files

    monkeypatch.setattr(checking, "ALWAYS", 1000)
    monkeypatch.setattr(folder_files, "ALWAYS", 1000)
    load(folder).close()
    record = json.loads((folder / folder_files.RECORD).read_text())["files"]
    assert DECODER in record and "generation_config.json" not in record
    monkeypatch.setattr(checking, "digest_file", None)
    with pytest.raises(TypeError):  # the small ones are read
        load(folder)
    before = (folder / DECODER).read_bytes()
    (folder / DECODER).write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    monkeypatch.undo()
    with pytest.raises(ModelInvalid, match="SHA-256"):
        load(folder)


def test_a_quantized_checkpoint_is_a_unit_too(
    tiny_a: Path, tiny_other: Path, tmp_path: Path
) -> None:
    from smolvlm_tools import SmolVLM, open_checkpoint
    from smolvlm_tools.export.quantized import quantize_checkpoint

    out = tmp_path / "quantized"
    for precision in ("int8", "q4"):
        quantize_checkpoint(open_checkpoint(tiny_a), out, precision)
    manifest = read_manifest(out)
    assert isinstance(manifest, Manifest) and "model.safetensors" in manifest.files
    SmolVLM.load(out, backend="torch").close()
    with pytest.raises(BadOptions, match="another model"):
        quantize_checkpoint(open_checkpoint(tiny_other), out, "int8")
    shutil.copy(tiny_other / "config.json", out / "config.json")
    with pytest.raises(ModelInvalid, match=r"config\.json has"):
        SmolVLM.load(out, backend="torch")
