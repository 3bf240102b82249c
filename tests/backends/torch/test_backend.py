from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from smolvlm_tools import BackendUnavailable, Closed, ModelInvalid, SmolVLM, open_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
safetensors = pytest.importorskip("safetensors.torch")

PICTURE = Image.effect_noise((60, 30), 90).convert("RGB")
FEW = {"max_new_tokens": 4, "ignore_eos": True, "logprobs": True}


def ids(folder, **choice) -> list[int]:
    with SmolVLM.load(folder, backend="torch", **choice) as vlm:
        return [token.id for token in vlm.describe(PICTURE, **FEW).tokens]


@pytest.fixture
def copy(tiny_a, tmp_path):
    return shutil.copytree(tiny_a, tmp_path / "copy")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_load_and_answer(tiny_a, precision):
    with SmolVLM.load(tiny_a, backend="torch", precision=precision) as vlm:
        result = vlm.describe(PICTURE, **FEW)
    assert (result.backend, result.precision, result.device) == ("torch", precision, "cpu")
    assert len(result.tokens) == 4 and 0 < result.confidence < 1


def test_half_precision_scores_stay_close_to_full_ones(tiny_a):
    from smolvlm_tools.backends.torch.backend import TorchBackend

    scores = {}
    for precision in ("fp32", "bf16", "fp16"):
        backend = TorchBackend.load(open_checkpoint(tiny_a), precision, "cpu", None)
        tokens = np.arange(20, 40, dtype=np.int64)
        scores[precision] = backend.forward(tokens, backend.create_cache(20))
        backend.close()
    assert scores["bf16"].dtype == np.float32
    np.testing.assert_allclose(scores["bf16"], scores["fp32"], atol=0.1)
    np.testing.assert_allclose(scores["fp16"], scores["fp32"], atol=0.02)


def test_sharded_weights_give_the_same_tokens(copy, tiny_a):
    tensors = safetensors.load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2]}
    shards["model-00002-of-00002.safetensors"] = names[1::2]
    for file, part in shards.items():
        safetensors.save_file({name: tensors[name] for name in part}, copy / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {n: f for f, part in shards.items() for n in part}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert ids(copy) == ids(tiny_a)

    (copy / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelInvalid):
        ids(copy)


@pytest.mark.parametrize("left", [-1, 5000, 100, 4, 0])
def test_truncated_weights_are_refused(copy, left):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelInvalid, match=r"model\.safetensors"):
        ids(copy)


def test_a_missing_tensor_is_named(copy):
    path = copy / "model.safetensors"
    tensors = safetensors.load_file(path)
    name = next(name for name in tensors if "text_model.layers.1.mlp.up_proj" in name)
    del tensors[name]
    safetensors.save_file(tensors, path, {"format": "pt"})
    with pytest.raises(ModelInvalid, match=r"layers\.1\.mlp\.up_proj"):
        ids(copy)


def test_weights_of_another_shape_are_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["intermediate_size"] += 8
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelInvalid):
        ids(copy)


def edit_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c["text_config"].update(rope_parameters={"rope_type": "yarn"}), "yarn"),
        (lambda c: c["text_config"].update(hidden_act="mish"), "mish"),
        (lambda c: c["vision_config"].update(hidden_act="quick_gelu"), "quick_gelu"),
        (lambda c: c["vision_config"].update(num_channels=4), "num_channels"),
    ],
)
def test_a_computation_that_is_not_known_is_refused(copy, change, named):
    edit_config(copy, change)
    with pytest.raises(ModelInvalid, match=named):
        ids(copy)


def change_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = safetensors.load_file(path)
    change(tensors)
    safetensors.save_file(tensors, path, {"format": "pt"})


def test_a_tensor_that_no_layer_uses_is_refused(copy):
    name = "model.text_model.layers.0.self_attn.q_norm.weight"
    change_tensors(copy, lambda tensors: tensors.update({name: torch.ones(32)}))
    with pytest.raises(ModelInvalid, match="q_norm"):
        ids(copy)


def test_weights_of_an_unknown_number_format_are_refused(copy):
    name = "model.text_model.norm.weight"
    change_tensors(copy, lambda t: t.update({name: t[name].to(torch.int32)}))
    with pytest.raises(ModelInvalid, match=r"text_model\.norm"):
        ids(copy)


def test_without_an_output_matrix_only_a_tied_checkpoint_loads(copy):
    change_tensors(copy, lambda tensors: tensors.pop("lm_head.weight"))
    with pytest.raises(ModelInvalid, match="lm_head"):
        ids(copy)
    edit_config(copy, lambda config: config.update(tie_word_embeddings=True))
    for precision in ("fp32", "bf16", "int8", "q4"):
        assert len(ids(copy, precision=precision)) == 4


def test_biases_are_added_where_the_weights_have_them(copy):
    def add_biases(tensors):
        for name in [n for n in tensors if n.startswith("model.text_model.layers.")]:
            if name.endswith("_proj.weight"):
                bias = torch.linspace(-1, 1, len(tensors[name]))
                tensors[name.replace("weight", "bias")] = bias

    change_tensors(copy, add_biases)
    edit_config(copy, lambda c: c["text_config"].update(attention_bias=True, mlp_bias=True))
    ours, theirs = scores_of(copy), transformers_scores(copy)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_linear_rope_scaling_gives_the_scores_of_transformers(copy):
    rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000}
    edit_config(copy, lambda c: c["text_config"].update(rope_parameters=rope))
    np.testing.assert_allclose(scores_of(copy), transformers_scores(copy), atol=2e-4)


def scores_of(folder):
    from smolvlm_tools.backends.torch.backend import TorchBackend

    backend = TorchBackend.load(open_checkpoint(folder), "fp32", "cpu", None)
    return backend.forward(np.arange(20, 60, dtype=np.int64), backend.create_cache(40))


def transformers_scores(folder):
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
    with torch.inference_mode():
        return model(torch.arange(20, 60)[None]).logits[0, -1].numpy()


def test_pickled_weights_are_never_read(copy):
    tensors = safetensors.load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(Exception, match="safetensors"):
        ids(copy)


def test_the_number_of_threads_is_set(tiny_a):
    before = torch.get_num_threads()
    try:
        SmolVLM.load(tiny_a, backend="torch", threads=1).close()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["cuda:63", "mps:1"])
def test_a_device_that_is_not_there_is_unavailable(device):
    from smolvlm_tools.backends.torch.backend import pick_device

    with pytest.raises(BackendUnavailable, match=device):
        pick_device(device)


def test_a_closed_backend_is_freed(tiny_a):
    vlm = SmolVLM.load(tiny_a, backend="torch")
    vlm.close()
    vlm.close()
    assert vlm._pipeline.backend._decoder is None
    with pytest.raises(Closed):
        vlm.describe(PICTURE)


def test_loading_prints_nothing(tiny_a, capfd):
    SmolVLM.load(tiny_a, backend="torch").close()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_transformers_is_not_needed(tiny_a):
    program = (
        "import sys; sys.modules['transformers'] = sys.modules['safetensors'] = None\n"
        "from PIL import Image\nfrom smolvlm_tools import SmolVLM\n"
        "vlm = SmolVLM.load(sys.argv[1], backend='torch')\n"
        "vlm.describe(Image.new('RGB', (40, 30)), max_new_tokens=2); vlm.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(tiny_a)], check=True)


def test_an_exactly_grey_tile_is_seen_like_any_other(tiny_a):
    from smolvlm_tools.backends.torch.backend import TorchBackend

    backend = TorchBackend.load(open_checkpoint(tiny_a), "fp32", "cpu", None)
    grey = np.zeros((1, 3, 32, 32), np.float32)
    alone, beside = backend.encode(grey), backend.encode(np.concatenate([grey, grey + 0.5]))
    assert alone.shape == (1, 16, 64)
    np.testing.assert_allclose(alone[0].numpy(), beside[0].numpy(), atol=1e-5)
    backend.close()
