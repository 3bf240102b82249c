"""Export: contract, honesty of the check, and nothing left behind on failure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_tools.errors import BadOptions
from smolvlm_tools.export import components, export_checkpoint, graph
from smolvlm_tools.export import export as export_module
from smolvlm_tools.export.decoder_graph import rope_frequencies
from smolvlm_tools.export.quantize import (
    BlockQuantized,
    quantize_blocks,
    quantize_rows,
    search_blocks,
)
from smolvlm_tools.export.vision_graph import vision_position_ids
from tests.support import checkpoints
from tests.support.checkpoints import SHAPES, build_tiny_checkpoint
from tests.support.onnx_exports import greedy, load, make_prompt, torch_greedy
from tests.support.snapshots import snapshot

HUB_INPUTS = {
    "vision_encoder": {
        "pixel_values": "tensor(float)",
        "pixel_attention_mask": "tensor(bool)",
    },
    "embed_tokens": {"input_ids": "tensor(int64)"},
    "decoder_model_merged": {
        "inputs_embeds": "tensor(float)",
        "attention_mask": "tensor(int64)",
        "position_ids": "tensor(int64)",
        **{f"past_key_values.{n}.{k}": "tensor(float)" for n in range(3) for k in ("key", "value")},
    },
}
HUB_OUTPUTS = {
    "vision_encoder": ["image_features"],
    "embed_tokens": ["inputs_embeds"],
    "decoder_model_merged": [
        "logits",
        *(f"present.{n}.{k}" for n in range(3) for k in ("key", "value")),
    ],
}


@pytest.fixture(scope="module", params=["fp32", "int8", "q4"])
def plain(
    request: pytest.FixtureRequest, tiny_a: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("plain")
    export_checkpoint(tiny_a, out, (request.param,), fused=False)
    return out, request.param


def test_the_plain_form_has_exactly_the_hubs_inputs_and_outputs(plain: tuple[Path, str]) -> None:
    import onnxruntime

    folder, precision = plain
    suffix = "" if precision == "fp32" else f"_{precision}"
    for component, inputs in HUB_INPUTS.items():
        path = folder / "onnx" / f"{component}{suffix}.onnx"
        session = onnxruntime.InferenceSession(path)
        assert {item.name: item.type for item in session.get_inputs()} == inputs
        assert sorted(i.name for i in session.get_outputs()) == sorted(HUB_OUTPUTS[component])
        ranks = {item.name: len(item.shape) for item in session.get_inputs()}
        assert ranks.get("pixel_values", 5) == 5
        assert ranks.get("past_key_values.0.key", 4) == 4


def test_the_plain_form_is_made_of_standard_operators_in_fp32(tiny_a: Path, tmp_path: Path) -> None:
    import onnx

    export_checkpoint(tiny_a, tmp_path, ("fp32",), fused=False)
    for path in (tmp_path / "onnx").iterdir():
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert {node.domain for node in model.graph.node} == {""}


def test_the_report_lists_files_and_errors(tiny: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    report = export_checkpoint(
        tiny, tmp_path / "out", ("fp32", "int8", "q4"), progress=steps.append
    )
    assert report.form == "fused" and report.notes == ()
    assert len(report.errors) == 9 and len(steps) == 9 + 1 + 3
    for error in report.errors:
        assert 0 <= error.mean_relative < (1e-5 if error.precision == "fp32" else 0.6)
    assert report.same_greedy_tokens["fp32"] == report.greedy_steps
    sizes = {file.name: file.size for file in report.files}
    assert sizes["onnx/vision_encoder_q4.onnx"] < sizes["onnx/vision_encoder.onnx"]
    for name, size in sizes.items():
        assert (tmp_path / "out" / name).stat().st_size == size
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tiny / name).read_bytes()
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_an_export_into_the_checkpoints_own_folder_adds_only_onnx_files_and_a_manifest(
    tiny_a: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    shutil.copytree(tiny_a, folder)
    before = snapshot(folder)
    export_checkpoint(folder, folder, ("q4",))
    after = snapshot(folder)
    assert {name: after[name] for name in before} == before
    added = {name.split("/")[0] for name in after.keys() - before.keys()}
    assert added == {"onnx", "smolvlm-export.json"}


def test_equal_checkpoints_give_equal_bytes(tiny_a: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        export_checkpoint(tiny_a, tmp_path / name, ("fp32", "int8"))
    assert snapshot(tmp_path / "first") == snapshot(tmp_path / "second")


def test_fp16_storage_halves_the_files_and_computes_the_rounded_weights(
    tiny_a: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    rounded = tmp_path / "rounded"
    shutil.copytree(tiny_a, rounded)
    tensors = load_file(rounded / "model.safetensors")
    halves = {name: value.half().float() for name, value in tensors.items()}
    save_file(halves, rounded / "model.safetensors", metadata={"format": "pt"})
    full = export_checkpoint(tiny_a, tmp_path / "full")
    half = export_checkpoint(tiny_a, tmp_path / "half", weights="fp16")
    sizes = [sum(f.size for f in r.files if f.name.startswith("onnx/")) for r in (full, half)]
    assert sizes[1] < 0.6 * sizes[0]
    backend = load(tmp_path / "half")
    assert backend.precision == "fp32"
    ids, tiles = make_prompt(backend.config, 2)
    assert greedy(backend, ids, tiles, 8) == torch_greedy(rounded, ids, tiles, 8)


def test_weights_beyond_the_limit_go_to_a_data_file_beside_the_graph(
    tiny_a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "INLINE_LIMIT", 200_000)
    report = export_checkpoint(tiny_a, tmp_path / "out")
    names = {file.name for file in report.files}
    assert "onnx/decoder_model_merged.onnx_data" in names
    assert "onnx/embed_tokens.onnx_data" not in names
    assert not any(name.endswith(".part") for name in names)
    ids, tiles = make_prompt(load(tmp_path / "out").config, 1)
    assert greedy(load(tmp_path / "out"), ids, tiles, 8) == torch_greedy(tiny_a, ids, tiles, 8)


def test_heads_outside_the_fused_operators_get_the_plain_form_and_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = replace(SHAPES["a"], text=(64, 2, 1, 24, 3, 112))
    monkeypatch.setitem(checkpoints.SHAPES, "narrow", narrow)
    folder = build_tiny_checkpoint(tmp_path / "narrow", "narrow")
    report = export_checkpoint(folder, folder)
    assert report.form == "plain" and "24" in report.notes[0]
    with pytest.raises(BadOptions, match="24"):
        export_checkpoint(folder, folder, fused=True)


def test_an_odd_grid_uses_transformers_bucketed_positions() -> None:
    odd = vision_position_ids(19)
    assert (odd != np.arange(19 * 19)).any()
    for side in (27, 32):
        assert (vision_position_ids(side) == np.arange(side * side)).all()


def test_position_formulas_equal_transformers() -> None:
    import torch
    from transformers import Idefics3VisionConfig, LlamaConfig
    from transformers.models.idefics3.modeling_idefics3 import Idefics3VisionEmbeddings
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    for side in range(1, 65):
        config = Idefics3VisionConfig(hidden_size=1, image_size=side, patch_size=1)
        module = Idefics3VisionEmbeddings(config)
        with torch.inference_mode():
            module.patch_embedding.weight.zero_()
            module.patch_embedding.bias.zero_()
            module.position_embedding.weight.copy_(torch.arange(side * side)[:, None])
            mask = torch.ones(1, side, side, dtype=torch.bool)
            found = module(torch.zeros(1, 3, side, side), mask)[0, :, 0].long().numpy()
        np.testing.assert_array_equal(vision_position_ids(side), found)
    config = LlamaConfig(
        hidden_size=64,
        num_attention_heads=1,
        head_dim=64,
        rope_parameters={"rope_type": "default", "rope_theta": 273768.0},
    )
    expected = LlamaRotaryEmbedding(config).inv_freq.numpy()
    np.testing.assert_array_equal(rope_frequencies(273768.0, 64), expected)


def restore(blocks: BlockQuantized, columns: int) -> NDArray[np.float32]:
    """What `MatMulNBits` multiplies with, (N, columns): 4 bits where there are zero points."""
    levels, zeros = np.float32(blocks.packed), np.float32(128)
    if blocks.zeros is not None:
        levels = _halves(blocks.packed)
        zeros = _halves(blocks.zeros)[:, : levels.shape[1], None]
    rows, count = levels.shape[:2]
    spread = (levels - zeros) * blocks.scales.reshape(rows, count, 1)
    return spread.reshape(rows, -1)[:, :columns]


def _halves(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    pairs = np.stack([packed & 15, packed >> 4], -1)
    return np.float32(pairs.reshape(*packed.shape[:-1], -1))


def test_eight_bits_are_within_half_a_step_and_meet_the_peak() -> None:
    weight = np.random.default_rng(0).standard_normal((7, 80)).astype(np.float32)
    blocks = quantize_blocks(weight, 32)
    restored = restore(blocks, 80)
    step = np.repeat(np.abs(blocks.scales.reshape(7, -1)), 32, axis=1)[:, :80]
    assert (np.abs(restored - weight) <= step * 1.001).all()
    peaks = np.abs(weight[:, :32]).argmax(1)
    rows = np.arange(7)
    np.testing.assert_allclose(restored[rows, peaks], weight[rows, peaks], rtol=1e-5)


def test_four_bits_are_exact_where_sixteen_levels_are_enough() -> None:
    """Such as the weights of a file that was in 4 bits before."""
    rng = np.random.default_rng(1)
    levels, zeros = rng.integers(0, 16, (5, 3, 32)), rng.integers(0, 16, (5, 3, 1))
    levels[..., :2] = 0, 15  # the whole range is used
    steps = rng.uniform(0.1, 2, (5, 3, 1)).astype(np.float32)
    weight = ((levels - zeros) * steps).astype(np.float32).reshape(5, 96)
    np.testing.assert_allclose(restore(search_blocks(weight, 32), 96), weight, atol=1e-5)


def test_four_bits_lose_less_than_rounding_within_the_whole_range() -> None:
    weight = np.random.default_rng(2).standard_t(4, (64, 100)).astype(np.float32)
    runs = np.pad(weight, ((0, 0), (0, 28))).reshape(64, 4, 32)
    low = runs.min(-1, keepdims=True).clip(max=0)
    high = runs.max(-1, keepdims=True).clip(min=0)
    step = (high - low) / 15
    zero = np.rint(-low / step)
    plain = (np.clip(np.rint(runs / step) + zero, 0, 15) - zero) * step
    searched = restore(search_blocks(weight, 32), 128).reshape(runs.shape)
    assert np.square(searched - runs).sum() < 0.97 * np.square(plain - runs).sum()


def test_rows_of_zeros_quantize_to_zeros() -> None:
    levels, scales = quantize_rows(np.zeros((2, 4), np.float32))
    assert not levels.any() and (scales > 0).all()
    for quantize in (quantize_blocks, search_blocks):
        assert (quantize(np.zeros((2, 32), np.float32), 32).scales == 0).all()


def test_int8_products_do_not_saturate_on_loud_inputs(tmp_path: Path) -> None:
    import onnxruntime

    rng = np.random.default_rng(0)
    x = (rng.random((1, 16, 256)) + 9).astype(np.float32)
    weight = (rng.random((32, 256)) * 0.2 + 0.8).astype(np.float32)
    builder = graph.GraphBuilder(tmp_path / "x.onnx", "rows8", half=False, external=False)
    y = builder.linear(builder.input("x", graph.FLOAT, [1, "L", 256]), "w", weight)
    builder.output(y, graph.FLOAT, [1, "L", 32])
    builder.save()
    found = onnxruntime.InferenceSession(tmp_path / "x.onnx").run(None, {"x": x})[0]
    np.testing.assert_allclose(found, x @ weight.T, rtol=2e-3)


def test_the_shape_of_the_256m_is_fused_by_default(reference: Path) -> None:
    from smolvlm_tools.checkpoint.config import ModelConfig

    for name in ("SmolVLM-256M-Instruct", "SmolVLM2-2.2B-Instruct"):
        assert export_module.fusable(ModelConfig.from_folder(reference / name))
