from __future__ import annotations

import json
import shutil

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
    from smolvlm_tools.backends.torch_backend import TorchBackend

    scores = {}
    for precision in ("fp32", "bf16"):
        backend = TorchBackend.load(open_checkpoint(tiny_a), precision, "cpu", None)
        assert backend._model.dtype == getattr(
            torch, {"fp32": "float32"}.get(precision, "bfloat16")
        )
        tokens = np.arange(20, 40, dtype=np.int64)
        scores[precision] = backend.forward(tokens, backend.create_cache(20))
        backend.close()
    assert scores["bf16"].dtype == np.float32
    np.testing.assert_allclose(scores["bf16"], scores["fp32"], atol=0.1)


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
    from smolvlm_tools.backends.torch_backend import pick_device

    with pytest.raises(BackendUnavailable, match=device):
        pick_device(device)


def test_a_closed_backend_is_freed(tiny_a):
    vlm = SmolVLM.load(tiny_a, backend="torch")
    vlm.close()
    vlm.close()
    assert vlm._pipeline.backend._model is None
    with pytest.raises(Closed):
        vlm.describe(PICTURE)


def test_loading_prints_nothing_and_leaves_the_progress_bars_on(tiny_a, capfd):
    from transformers.utils import logging

    logging.enable_progress_bar()
    SmolVLM.load(tiny_a, backend="torch").close()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert logging.is_progress_bar_enabled()


def test_an_exactly_grey_tile_is_seen_like_any_other(tiny_a):
    from smolvlm_tools.backends.torch_backend import TorchBackend

    backend = TorchBackend.load(open_checkpoint(tiny_a), "fp32", "cpu", None)
    grey = np.zeros((1, 3, 32, 32), np.float32)
    alone, beside = backend.encode(grey), backend.encode(np.concatenate([grey, grey + 0.5]))
    assert alone.shape == (1, 16, 64)
    np.testing.assert_allclose(alone[0].numpy(), beside[0].numpy(), atol=1e-5)
    backend.close()
