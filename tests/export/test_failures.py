"""An export that cannot be made says why and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools.errors import BackendUnavailable, BadOptions, ModelInvalid, ModelNotFound
from smolvlm_tools.export import export_checkpoint, reference
from tests.support.snapshots import snapshot


@pytest.mark.parametrize(
    "change, text",
    [
        ({"text_config": {"hidden_act": "gelu"}}, "hidden_act"),
        ({"text_config": {"rope_scaling": {"rope_type": "linear", "factor": 2}}}, "rope_type"),
        ({"text_config": {"intermediate_size": 111}}, "111"),
        ({"model_type": "llava"}, "llava"),
    ],
)
def test_a_contradictory_configuration_is_refused(
    tiny_a: Path, tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_a, folder)
    config = json.loads((folder / "config.json").read_text())
    for key, value in change.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(config))
    before = snapshot(folder)
    with pytest.raises(ModelInvalid, match=text):
        export_checkpoint(folder, folder)
    assert snapshot(folder) == before


def test_missing_or_damaged_weights_are_typed_errors(tiny_a: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_a, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelInvalid, match="damaged"):
        export_checkpoint(folder, tmp_path / "out")
    weights.unlink()
    with pytest.raises(ModelNotFound, match=r"model\.safetensors"):
        export_checkpoint(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unknown_options_name_the_known_ones(tiny_a: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match=r"'int2'.*fp32, int8, q4"):
        export_checkpoint(tiny_a, tmp_path / "out", ("fp32", "int2"))
    with pytest.raises(BadOptions, match="none"):
        export_checkpoint(tiny_a, tmp_path / "out", ())
    with pytest.raises(BadOptions, match="bf16"):
        export_checkpoint(tiny_a, tmp_path / "out", weights="bf16")
    assert not (tmp_path / "out").exists()


def test_missing_packages_name_the_extra(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(BackendUnavailable, match=r"no_such_package.*smolvlm-tools\[export\]"):
        export_checkpoint(tiny_a, tmp_path / "out")


def test_an_export_that_does_not_match_torch_fails_and_leaves_nothing(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept.txt").write_text("kept")
    wrong = replace_positions()
    monkeypatch.setattr("smolvlm_tools.export.vision_graph.vision_position_ids", wrong)
    with pytest.raises(ModelInvalid, match=r"vision_encoder \(fp32\)"):
        export_checkpoint(tiny_a, out)
    assert snapshot(out) == {"kept.txt": b"kept"}


def replace_positions() -> Any:
    return lambda side: np.zeros(side * side, np.int64)


@pytest.mark.parametrize("step", ["writing decoder_model_merged (fp32)", "running torch"])
def test_ctrl_c_leaves_nothing_behind(tiny_a: Path, tmp_path: Path, step: str) -> None:
    def interrupt(line: str) -> None:
        if line == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_checkpoint(tiny_a, tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out").exists()


def test_a_tensor_that_no_layer_uses_is_refused(tiny_a: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_a, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.text_model.layers.0.self_attn.q_proj.bias"] = tensors["lm_head.weight"][
        :1
    ].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelInvalid, match=r"q_proj\.bias"):
        export_checkpoint(folder, tmp_path / "out")
