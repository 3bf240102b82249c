"""`smolvlm quantize`: what it writes scores as what is quantized at load."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from smolvlm_tools import (
    BadOptions,
    ModelError,
    ModelInvalid,
    ModelNotFound,
    SmolVLM,
    open_checkpoint,
)
from smolvlm_tools.backends.torch.names import FLOATS, KINDS
from smolvlm_tools.checkpoint.manifest import MANIFEST
from tests.support.checkpoints import build_tiny_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
for module in ("bitsandbytes", "torchao", "optimum.quanto"):
    pytest.importorskip(module, reason="the extra quant is not installed")

EVERYWHERE = "vision=bnb-nf4,connector=quanto-int4,decoder=torchao-int4,lm_head=quanto-float8"
PRECISIONS = [*(kind for kind in KINDS if kind not in FLOATS), EVERYWHERE, "vision=int8,decoder=q4"]


def quantize(source, out, precision, **more):
    from smolvlm_tools.export.quantized import quantize_checkpoint

    return quantize_checkpoint(open_checkpoint(source), out, precision, **more)


def outputs(name, precision, adapter=None):
    """Logits, features and precision of a checkpoint."""
    from smolvlm_tools.backends.torch.backend import TorchBackend

    checkpoint = open_checkpoint(name)
    backend = TorchBackend.load(checkpoint, precision, "cpu", None, adapter)
    size = checkpoint.config.vision.image_size
    tiles = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    cache = backend.create_cache(41)
    logits = backend.forward(np.arange(20, 60, dtype=np.int64), cache)
    found = logits, backend.step(np.array([9]), [cache])[0], backend.encode(tiles).float().numpy()
    backend.close()
    return found, backend.precision


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", ["a", "b"])
def test_a_quantized_folder_gives_the_scores_of_quantizing_at_load(tmp_path, shape, precision):
    source = build_tiny_checkpoint(tmp_path / "source", shape)
    report = quantize(source, tmp_path / "out", precision)
    assert report.bytes == (tmp_path / "out" / "model.safetensors").stat().st_size
    assert report.bytes < report.source_bytes
    found, name = outputs(tmp_path / "out", "auto")
    expected, asked = outputs(source, precision)
    assert name == asked == report.precision
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_embedded_checkpoint_answers_from_a_quantized_folder(embedded, tmp_path):
    quantize(embedded, tmp_path, {"decoder": "bnb-nf4", "lm_head": "bnb-int8"})
    with SmolVLM.load(tmp_path) as vlm:
        answer = vlm.ask("examples/images/shapes.png", "What color is the circle?")
    assert answer.text == "red" and answer.backend == "torch"
    assert answer.precision == "vision=bf16,connector=bf16,decoder=bnb-nf4,lm_head=bnb-int8"


@pytest.mark.parametrize("precision", ["bf16", "int8", "decoder=bnb-nf4,lm_head=int8"])
def test_another_precision_than_the_folders_is_refused(tiny_a, tmp_path, precision):
    quantize(tiny_a, tmp_path, "bnb-nf4")
    with pytest.raises(BadOptions, match="quantized as bnb-nf4"):
        SmolVLM.load(tmp_path, backend="torch", precision=precision)
    for same in ("bnb-nf4", "auto", {"decoder": "bnb-nf4", "vision": "bf16"}):
        SmolVLM.load(tmp_path, backend="torch", precision=same).close()


def test_other_backends_have_no_files_there(tiny_a, tmp_path):
    quantize(tiny_a, tmp_path, "int8")
    with pytest.raises(ModelNotFound, match="ONNX"):
        SmolVLM.load(tmp_path, backend="onnx")


def test_a_tied_output_matrix_is_quantized_beside_the_table(tiny_a, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    source = shutil.copytree(tiny_a, tmp_path / "source")
    tensors = safetensors.load_file(source / "model.safetensors")
    del tensors["lm_head.weight"]
    safetensors.save_file(tensors, source / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"tie_word_embeddings": True}
    (source / "config.json").write_text(json.dumps(config))
    for number, precision in enumerate(("int8", "bnb-nf4", "decoder=bnb-nf4,lm_head=bnb-int8")):
        quantize(source, tmp_path / str(number), precision)
        found, _ = outputs(tmp_path / str(number), "auto")
        np.testing.assert_array_equal(found[0], outputs(source, precision)[0][0])


def test_an_adapter_is_merged_before_the_weights_are_quantized(tiny_a, tmp_path):
    from safetensors.torch import save_file

    from smolvlm_tools.checkpoint import find_adapter

    layer = "base_model.model.model.text_model.layers.0.mlp.down_proj"
    tensors = {f"{layer}.lora_A.weight": torch.randn(4, 112)}
    tensors[f"{layer}.lora_B.weight"] = torch.randn(64, 4)
    folder = tmp_path / "adapter"
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    about = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(about))
    adapter = find_adapter(folder)
    quantize(tiny_a, tmp_path / "out", "bnb-nf4", adapter=adapter)
    found = outputs(tmp_path / "out", "auto")[0][0]
    assert distance(found, outputs(tiny_a, "bnb-nf4")[0][0]) > 0.01
    np.testing.assert_array_equal(found, outputs(tiny_a, "bnb-nf4", adapter)[0][0])
    with pytest.raises(ModelInvalid, match="quantized"):
        outputs(tmp_path / "out", "auto", adapter)


def distance(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("kind", ["bnb-int8", "bnb-nf4"])
def test_transformers_reads_what_bitsandbytes_quantized(embedded, tmp_path, kind):
    """Where the CPU has AVX-512, bitsandbytes' own layer takes outputs in multiples of 32 only."""
    transformers = pytest.importorskip("transformers")
    safetensors = pytest.importorskip("safetensors.torch")
    folder, ignore = open_checkpoint(embedded).folder, shutil.ignore_patterns(MANIFEST)
    source = shutil.copytree(folder, tmp_path / "source", ignore=ignore)
    tensors = safetensors.load_file(source / "model.safetensors")
    halves = {name: tensor.bfloat16() for name, tensor in tensors.items()}  # as on the hub
    safetensors.save_file(halves, source / "model.safetensors", {"format": "pt"})
    quantize(source, tmp_path, kind)
    model = transformers.AutoModelForImageTextToText.from_pretrained(tmp_path, dtype="bfloat16")
    layer = model.model.text_model.layers[0].mlp.down_proj
    assert type(layer).__name__ == {"bnb-int8": "Linear8bitLt", "bnb-nf4": "Linear4bit"}[kind]
    with torch.inference_mode():
        theirs = model(torch.arange(20, 60)[None]).logits[0, -1].float().numpy()
    ours = outputs(tmp_path, "auto")[0][0]
    assert distance(ours, theirs) < 0.05


@pytest.mark.slow  # quanto compiles its extension, a minute
def test_quanto_reads_its_own_tensors_there(tiny_a, tmp_path):
    from optimum.quanto import QLinear, qint4, qint8
    from safetensors.torch import load_file

    for kind, qtype in (("quanto-int8", qint8), ("quanto-int4", qint4)):
        quantize(tiny_a, tmp_path / kind, kind)
        name = "model.text_model.layers.0.mlp.down_proj"
        tensors = load_file(tmp_path / kind / "model.safetensors")
        state = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(name)}
        state |= {"input_scale": torch.ones(()), "output_scale": torch.ones(())}
        layer = QLinear(112, 64, bias=False, weights=qtype)
        layer.load_state_dict(state)
        original = load_file(tiny_a / "model.safetensors")[f"{name}.weight"]
        error = (layer.weight.dequantize().float() - original).norm() / original.norm()
        assert error < (0.15 if kind == "quanto-int4" else 0.02)


@pytest.mark.parametrize(
    ("precision", "error"),
    [("bf16", BadOptions), ("auto", BadOptions), ("nf4", BadOptions), ("vision=fp16", BadOptions)],
)
def test_what_quantizes_nothing_is_refused(tiny_a, tmp_path, precision, error):
    with pytest.raises(error):
        quantize(tiny_a, tmp_path / "out", precision)
    assert not (tmp_path / "out").exists()


def test_the_checkpoints_own_folder_and_a_quantized_one_are_refused(tiny_a, tmp_path):
    with pytest.raises(BadOptions, match="own folder"):
        quantize(tiny_a, tiny_a, "int8")
    quantize(tiny_a, tmp_path / "out", "int8")
    with pytest.raises(ModelInvalid, match="already"):
        quantize(tmp_path / "out", tmp_path / "again", "int8")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="writing"):
        quantize(tiny_a, tmp_path / "file", "int8")


def damage(folder, change):
    (folder / MANIFEST).unlink()  # which would be enough to notice it
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c["quantization_config"].pop("smolvlm_tools"), "bitsandbytes"),
        (lambda c: c.update(quantization_config="gptq"), "gptq"),
        (lambda c: c["quantization_config"]["smolvlm_tools"].update(version=9), "version"),
        (lambda c: c["quantization_config"]["smolvlm_tools"]["components"].pop("vision"), "decod"),
        (lambda c: _components(c).update(decoder="nf5"), "nf5"),
        (lambda c: _components(c).update(decoder=["bnb-nf4"]), "bnb-nf4"),
        (lambda c: _components(c).update(decoder="bnb-int8"), "mlp|self_attn"),
        (lambda c: _components(c).update(decoder="bf16"), "mlp|self_attn"),
        (lambda c: c.pop("quantization_config"), "mlp|self_attn"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused(tiny_a, tmp_path, change, named):
    quantize(tiny_a, tmp_path, "bnb-nf4")
    damage(tmp_path, change)
    with pytest.raises(ModelInvalid, match=named):
        SmolVLM.load(tmp_path, backend="torch")


def _components(config):
    return config["quantization_config"]["smolvlm_tools"]["components"]


def test_damaged_metadata_of_a_matrix_is_refused(tiny_a, tmp_path):
    from safetensors.torch import load_file, save_file

    quantize(tiny_a, tmp_path, "bnb-nf4")
    tensors = load_file(tmp_path / "model.safetensors")
    name = next(n for n in tensors if n.endswith("quant_state.bitsandbytes__nf4"))
    tensors[name] = torch.full_like(tensors[name], 65)
    (tmp_path / MANIFEST).unlink()
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelInvalid, match="quant_state"):
        SmolVLM.load(tmp_path, backend="torch")


def test_the_command_quantizes_and_says_how_much_smaller_it_is(tiny_a, tmp_path, capsys):
    from smolvlm_tools.cli.run import run

    arguments = ["quantize", str(tiny_a), "--out", str(tmp_path / "out"), "--precision", "bnb-int8"]
    assert run([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["precision"] == "bnb-int8" and printed["bytes"] < printed["source_bytes"]
    assert run(arguments) == 0
    assert "MB  weights after" in capsys.readouterr().out
    assert run([*arguments[:-1], "nf4"]) == 2
    assert "nf4" in capsys.readouterr().err
    assert run([*arguments, "--adapter", str(tmp_path / "none")]) == 4
