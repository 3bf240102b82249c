"""LoRA adapters: what is merged equals peft's own merge, and what does not fit is refused."""

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
from smolvlm_tools.errors import BadOptions, ModelInvalid, ModelNotFound
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.onnx_exports import greedy, make_prompt

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
safetensors = pytest.importorskip("safetensors.torch")

DECODER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
EVERY_MATRIX = [*DECODER, "out_proj", "fc1", "fc2", "proj", "patch_embedding", "lm_head"]

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


def train(folder: Path, out: Path, **config: Any) -> Path:
    """A LoRA adapter with random weights, saved by peft."""
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    settings = {"r": 4, "lora_alpha": 8, **config}
    model = peft.get_peft_model(base, peft.LoraConfig(**settings))
    chance = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += torch.randn(parameter.shape, generator=chance) / 20
    model.save_pretrained(out)
    return out


def merged_by_peft(folder: Path, adapter: Path) -> Any:
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    return peft.PeftModel.from_pretrained(base, adapter).merge_and_unload().eval()


def load(folder: Path, adapter: Path | None, precision: str = "fp32") -> Any:
    from smolvlm_tools.backends.torch.backend import TorchBackend

    found = None if adapter is None else find_adapter(adapter)
    return TorchBackend.load(open_checkpoint(folder), precision, "cpu", None, found)


def scores(backend: Any, ids: Any, tiles: Any) -> Any:
    features = [backend.encode(tiles)] if len(tiles) else []
    return np.asarray(backend.forward(ids, backend.create_cache(len(ids)), features))


def their_scores(model: Any, ids: Any, tiles: Any) -> Any:
    inputs = {"pixel_values": torch.from_numpy(tiles)[None]} if len(tiles) else {}
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(ids)[None], **inputs).logits[0].numpy()


def change_config(adapter: Path, **changes: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_tensors_of(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = safetensors.load_file(path)
    change(tensors)
    own = {name: tensor.clone() for name, tensor in tensors.items()}  # none may share memory
    safetensors.save_file(own, path, {"format": "pt"})


@pytest.fixture(scope="module")
def plain(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_a, tmp_path_factory.mktemp("plain"), target_modules=DECODER)


@pytest.fixture
def copy(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "my-adapter"))


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


A = "base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_A.weight"
B = A.replace("lora_A", "lora_B")
MAGNITUDE = A.replace("lora_A.weight", "lora_magnitude_vector")
STRANGE = A.replace("layers.0", "layers.99")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop(A), "no lora_A"),
        (lambda t: t.pop(B), "no lora_B"),
        (lambda t: t.update({A: torch.zeros(5, 64)}), r"\(5, 64\).*\(4, 64\)"),
        (lambda t: t.update({A: torch.zeros(4, 65)}), r"\(4, 65\)"),
        (lambda t: t.update({B: torch.zeros(32, 4)}), r"\(32, 4\)"),
        (lambda t: t.update({B: t[B].to(torch.int32)}), "I32"),
        (lambda t: t.update({B: t[B] * float("nan")}), "NaN"),
        (lambda t: t.update({STRANGE: t[A]}), r"layers\.99.*lacks"),
        (lambda t: t.update({MAGNITUDE: torch.ones(64)}), "use_dora"),
        (lambda t: t.update({A + ".extra": t[A]}), "unknown tensor"),
        (lambda t: t.update({"word": t[A]}), "unknown tensor"),
        (lambda t: t.update({A.replace("lora_A.weight", "bias"): t[A][0]}), r"bias.*lacks"),
        (lambda t: t.update({A.replace("base_model.model.", ""): t[A]}), "has both"),
        (lambda t: t.update({"base_model.model.lm_head.weight": torch.ones(400, 64)}), "400"),
        (lambda t: t.clear(), "no tensors"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tiny_a: Path, copy: Path, change: Callable[[dict[str, Any]], object], named: str
) -> None:
    change_tensors_of(copy / "adapter_model.safetensors", change)
    with pytest.raises(ModelInvalid, match=named) as caught:
        load(tiny_a, copy)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"peft_type": None}, "peft_type"),
        ({"r": 0}, "r = 0"),
        ({"r": "4"}, "r = '4'"),
        ({"r": 5}, r"\(4, 64\).*\(5, 64\)"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"rank_pattern": [1]}, "rank_pattern"),
        ({"rank_pattern": {"q_proj": "2"}}, "rank_pattern"),
        ({"rank_pattern": {"*": 2}}, "pattern"),
        ({"use_dora": True}, "lora_magnitude_vector"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa"),
        ({"init_lora_weights": "loftq"}, "loftq"),
        ({"alora_invocation_tokens": [1, 2]}, "alora"),
        ({"trainable_token_indices": "x"}, "trainable_token_indices"),
    ],
)
def test_configurations_that_cannot_be_merged_are_refused(
    tiny_a: Path, copy: Path, changes: dict[str, Any], named: str
) -> None:
    change_config(copy, **changes)
    with pytest.raises(ModelInvalid, match=named) as caught:
        load(tiny_a, copy)
    assert caught.value.remedy


def test_token_rows_outside_the_table_are_refused(tiny_a: Path, tmp_path: Path) -> None:
    adapter = train(tiny_a, tmp_path, target_modules=["o_proj"], trainable_token_indices=[21])
    for rows in ([40000], []):
        change_config(adapter, trainable_token_indices=rows)
        with pytest.raises(ModelInvalid, match="embed_tokens"):
            load(tiny_a, adapter)


def test_an_adapter_of_another_model_is_refused(
    plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = build_tiny_checkpoint(tmp_path_factory.mktemp("other"), "b")
    with pytest.raises(ModelInvalid, match="adapter") as caught:
        load(other, plain)
    assert "base_model_name_or_path" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"LORA"', "{} {}"])
def test_damaged_configurations_are_refused(tiny_a: Path, copy: Path, text: str) -> None:
    (copy / "adapter_config.json").write_text(text)
    with pytest.raises(ModelInvalid):
        load(tiny_a, copy)


@pytest.mark.parametrize("left", [0, 7, 100, -1])
def test_truncated_tensors_are_refused(tiny_a: Path, copy: Path, left: int) -> None:
    path = copy / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelInvalid, match="adapter_model"):
        load(tiny_a, copy)


def test_missing_files_are_named_and_a_pickle_is_never_read(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no adapter folder"):
        find_adapter(tmp_path / "nothing")
    with pytest.raises(ModelNotFound, match=r"no adapter_config\.json"):
        find_adapter(tmp_path)
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(ModelNotFound, match="pickle"):
        find_adapter(copy)
    with pytest.raises(ModelNotFound, match="no adapter"):
        find_adapter(3)  # pyright: ignore[reportArgumentType]


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
