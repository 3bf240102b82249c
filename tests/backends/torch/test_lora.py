"""LoRA adapters: what is merged equals peft's own merge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools.checkpoint import find_adapter, open_checkpoint
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadOptions
from tests.support.lora import (
    DECODER,
    EVERY_MATRIX,
    change_tensors_of,
    load,
    merged_by_peft,
    train,
)
from tests.support.onnx_exports import greedy, make_prompt

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
safetensors = pytest.importorskip("safetensors.torch")

VARIANTS: dict[str, dict[str, Any]] = {
    "the usual recipe": {"target_modules": DECODER, "init_lora_weights": "gaussian"},
    "vision, connector and head": {"target_modules": EVERY_MATRIX, "lora_alpha": 32},
    "dora": {"target_modules": [*EVERY_MATRIX, "embed_tokens"], "use_dora": True},
    "embeddings": {"target_modules": ["embed_tokens", "lm_head"]},
    "patterns": {
        "target_modules": EVERY_MATRIX,
        "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.down_proj": 7},
        "alpha_pattern": {"q_proj": 64, "text_model.layers.0.self_attn.v_proj": 3},
        "use_rslora": True,
    },
    "saved modules": {
        "target_modules": ["o_proj"],
        "modules_to_save": ["embed_tokens", "lm_head", "connector", "norm", "post_layernorm"],
    },
    "all biases, a regex": {"target_modules": r".*\.(fc1|q_proj)", "bias": "all"},
    "biases of the factors": {
        "target_modules": ["fc1", "out_proj"],
        "lora_bias": True,
        "use_rslora": True,
    },
    "token rows": {"target_modules": ["o_proj"], "trainable_token_indices": [21, 25, 300]},
}


def scores(backend: Any, ids: Any, tiles: Any) -> Any:
    features = [backend.encode(tiles)] if len(tiles) else []
    return np.asarray(backend.forward(ids, backend.create_cache(len(ids)), features))


def their_scores(model: Any, ids: Any, tiles: Any) -> Any:
    inputs = {"pixel_values": torch.from_numpy(tiles)[None]} if len(tiles) else {}
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(ids)[None], **inputs).logits[0].numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", VARIANTS)
def test_merged_logits_and_tokens_are_those_of_peft(
    tiny_a: Path, tmp_path: Path, variant: str
) -> None:
    adapter = train(tiny_a, tmp_path, **VARIANTS[variant])
    ids, tiles = make_prompt(ModelConfig.from_folder(tiny_a), 2)
    ids[1:3] = 21, 25
    ours = load(tiny_a, adapter)
    theirs = merged_by_peft(tiny_a, adapter)
    expected = their_scores(theirs, ids, tiles)[-1]
    found = scores(ours, ids, tiles)
    print(f"{variant}: {np.abs(found - expected).max():.1e} of {np.abs(expected).max():.1f}")
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.abs(expected - scores(load(tiny_a, None), ids, tiles)).max() > 0.05
    tokens = greedy(ours, ids, tiles, 8)
    rows = their_scores(theirs, np.concatenate([ids, tokens]), tiles)[len(ids) - 1 : -1]
    assert tokens == rows.argmax(axis=1).tolist()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ["lm_head"]},
        {"target_modules": ["embed_tokens"]},
        {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"], "trainable_token_indices": [21, 25]},
    ],
    ids=lambda config: " ".join(map(str, config.items())),
)
def test_tied_matrices_change_as_in_the_unmerged_model(
    tied: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    from transformers import AutoModelForImageTextToText

    adapter = train(tied, tmp_path, **config)
    base = AutoModelForImageTextToText.from_pretrained(tied, dtype="float32")
    unmerged = peft.PeftModel.from_pretrained(base, adapter).eval()  # peft's merge changes both
    ids = np.arange(20, 40)
    found = scores(load(tied, adapter), ids, [])
    np.testing.assert_allclose(found, their_scores(unmerged, ids, [])[-1], atol=2e-4)


@pytest.fixture(scope="module")
def tied(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint without an output matrix of its own."""
    folder = Path(shutil.copytree(tiny_a, tmp_path_factory.mktemp("tied") / "tied"))
    path = folder / "model.safetensors"
    tensors = safetensors.load_file(path)
    del tensors["lm_head.weight"]
    safetensors.save_file(tensors, path, {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("precision", ["bf16", "int8", "q4"])
def test_the_adapter_is_merged_before_weights_are_cast_or_quantized(
    tiny_a: Path, plain: Path, tmp_path: Path, precision: str
) -> None:
    whole = Path(shutil.copytree(tiny_a, tmp_path / "whole"))
    state = merged_by_peft(tiny_a, plain).state_dict()
    tensors = {name: value.clone() for name, value in state.items()}
    safetensors.save_file(tensors, whole / "model.safetensors", {"format": "pt"})
    ids, tiles = make_prompt(ModelConfig.from_folder(tiny_a), 1)
    expected = scores(load(whole, None, precision), ids, tiles)
    found = scores(load(tiny_a, plain, precision), ids, tiles)
    np.testing.assert_allclose(found, expected, atol=2e-2 * np.abs(expected).max())


def test_stored_half_precision_weights_stay_in_their_format(
    tiny_a: Path, plain: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForImageTextToText

    from smolvlm_tools.backends.torch.build import merge_adapter
    from smolvlm_tools.backends.torch.weights import open_weights

    half = Path(shutil.copytree(tiny_a, tmp_path / "half"))
    change_tensors_of(
        half / "model.safetensors",
        lambda tensors: tensors.update({n: t.bfloat16() for n, t in tensors.items()}),
    )
    base = AutoModelForImageTextToText.from_pretrained(half, dtype="bfloat16")
    theirs = peft.PeftModel.from_pretrained(base, plain).merge_and_unload().state_dict()
    ours = merge_adapter(open_weights(open_checkpoint(half)), find_adapter(plain), {})
    for name, expected in theirs.items():
        found = ours.get(name, tuple(expected.shape))
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found, expected, rtol=2**-8, atol=1e-6)
    ours.check_all_used()


def rename(old: str, new: str) -> Callable[[dict[str, Any]], object]:
    """All of the tensors, with `old` in their names replaced."""

    def change(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.text_model.", "model.language_model."),
        ("base_model.model.model.text_model.", "base_model.model.language_model.model."),
        ("model.vision_model.", "vision_model."),
        ("base_model.model.", ""),
    ],
)
def test_layer_names_of_other_versions_are_understood(
    tiny_a: Path, plain: Path, copy: Path, old: str, new: str
) -> None:
    change_tensors_of(copy / "adapter_model.safetensors", rename(old, new))
    ids, tiles = make_prompt(ModelConfig.from_folder(tiny_a), 1)
    expected = scores(load(tiny_a, plain), ids, tiles)
    np.testing.assert_array_equal(scores(load(tiny_a, copy), ids, tiles), expected)


def test_results_name_the_adapter_and_auto_takes_torch(tiny_a: Path, copy: Path) -> None:
    from smolvlm_tools import SmolVLM

    with SmolVLM.load(tiny_a, adapter=copy, device="cpu", precision="fp32") as vlm:
        result = vlm.describe(Image.new("RGB", (40, 30), "red"), max_new_tokens=2)
    assert result.model == f"{tiny_a.name}+my-adapter"
    assert (result.backend, result.precision) == ("torch", "fp32")


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_other_backends_say_how_to_export_the_merged_weights(copy: Path, backend: str) -> None:
    from smolvlm_tools import SmolVLM

    with pytest.raises(BadOptions, match=r"export CHECKPOINT --adapter"):
        SmolVLM.load("embedded", adapter=copy, backend=backend)
    with pytest.raises(BadOptions, match="q4f16"):
        SmolVLM.load("embedded", adapter=copy, precision="q4f16")


def test_the_command_line_takes_an_adapter(tiny_a: Path, copy: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from smolvlm_tools.cli.app import app

    image = tmp_path / "red.png"
    Image.new("RGB", (40, 30), "red").save(image)
    arguments = [str(image), "-m", str(tiny_a), "--adapter", str(copy), "--max-new-tokens", "2"]
    reply = CliRunner().invoke(app, ["describe", *arguments, "--json"])
    assert json.loads(reply.stdout)["model"] == f"{tiny_a.name}+my-adapter"
    reply = CliRunner().invoke(app, ["describe", *arguments, "--backend", "onnx"])
    assert isinstance(reply.exception, BadOptions)


@pytest.mark.filterwarnings("ignore")
def test_an_export_has_the_adapter_merged_in(tiny_a: Path, plain: Path, tmp_path: Path) -> None:
    from smolvlm_tools.export import export_checkpoint
    from tests.support.onnx_exports import load as load_onnx

    pytest.importorskip("onnx", reason="the extra export is not installed")
    report = export_checkpoint(tiny_a, tmp_path, ["fp32", "q4"], adapter=find_adapter(plain))
    assert report.same_greedy_tokens["fp32"] == report.greedy_steps
    ids, tiles = make_prompt(ModelConfig.from_folder(tiny_a), 1)
    expected = scores(load(tiny_a, plain), ids, tiles)
    np.testing.assert_allclose(scores(load_onnx(tmp_path, "fp32"), ids, tiles), expected, atol=2e-4)
    with pytest.raises(BadOptions, match="own"):
        export_checkpoint(tiny_a, tiny_a, adapter=find_adapter(plain))
