"""The ONNX backend on exports in both forms, which stand in for the hub's files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools.backends.onnx.session import FUSION_FAILURE, create_session, provider_for
from smolvlm_tools.checkpoint.config import ModelConfig
from smolvlm_tools.errors import (
    BackendUnavailable,
    BadOptions,
    BadPrompt,
    Closed,
    ModelInvalid,
    ModelNotFound,
)
from smolvlm_tools.export import export_checkpoint
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.onnx_exports import foreign_copy, greedy, load, make_prompt, torch_greedy

STEPS = 12


@pytest.fixture(scope="module", params=["idefics3-a", "idefics3-b", "smolvlm-a", "smolvlm-b"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model_type, shape = request.param.split("-")
    return build_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint"), shape, model_type, seed=5)


@pytest.fixture(scope="module", params=["fused", "plain"])
def folder(
    checkpoint: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("exported")
    export_checkpoint(checkpoint, out, ("fp32",), fused=request.param == "fused")
    return out


@pytest.fixture(scope="module")
def both_forms(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Fused and plain exports of one checkpoint in fp32, int8 and q4."""
    fused, plain = (tmp_path_factory.mktemp(form) for form in ("fused", "plain"))
    for out in (fused, plain):
        export_checkpoint(tiny_a, out, ("fp32", "int8", "q4"), fused=out is fused)
    return fused, plain


@pytest.mark.parametrize("tiles", [0, 1, 5], ids=["text only", "one tile", "split image"])
def test_fp32_greedy_tokens_equal_transformers(checkpoint: Path, folder: Path, tiles: int) -> None:
    ids, pixels = make_prompt(ModelConfig.from_folder(checkpoint), tiles)
    expected = torch_greedy(checkpoint, ids, pixels, STEPS)
    assert greedy(load(folder), ids, pixels, STEPS) == expected
    assert len(set(expected)) > 1


def test_only_the_fused_form_uses_fixed_buffers(both_forms: tuple[Path, Path]) -> None:
    fused, plain = (load(form, "fp32").create_cache(64) for form in both_forms)
    assert type(fused).__name__ == "SharedCache"
    assert type(plain).__name__ == "GrowingCache"


def test_fused_graphs_also_run_with_a_growing_cache(both_forms: tuple[Path, Path]) -> None:
    backend = load(both_forms[0], "fp32")
    ids, pixels = make_prompt(backend.config, 1)
    expected = greedy(backend, ids, pixels, STEPS)
    backend.decoder.shared = False
    assert greedy(backend, ids, pixels, STEPS) == expected


def test_a_prompt_in_pieces_gives_the_same_logits(both_forms: tuple[Path, Path]) -> None:
    for folder in both_forms:
        backend = load(folder, "fp32")
        ids, _ = make_prompt(backend.config, 0, seed=3)
        ids = np.tile(ids, 150)  # longer than a chunk of the plain form
        whole = backend.forward(ids, backend.create_cache(len(ids)))
        cache = backend.create_cache(len(ids) + 7)
        backend.forward(ids[:301], cache)
        pieces = backend.forward(ids[301:], cache)
        assert cache.length == len(ids)
        np.testing.assert_allclose(pieces, whole, atol=1e-4 * np.abs(whole).max())


def test_two_caches_do_not_disturb_each_other(both_forms: tuple[Path, Path]) -> None:
    for folder in both_forms:
        backend = load(folder, "fp32")
        ids, _ = make_prompt(backend.config, 0)
        first, second = backend.create_cache(20), backend.create_cache(30)
        backend.forward(ids, first)
        backend.forward(ids[::-1].copy(), second)
        found = backend.forward(ids[:1], first)
        alone = backend.create_cache(20)
        backend.forward(ids, alone)
        np.testing.assert_array_equal(found, backend.forward(ids[:1], alone))


@pytest.mark.parametrize("precision", ["int8", "q4"])
def test_a_folder_with_one_quantized_precision_loads(
    both_forms: tuple[Path, Path], precision: str, tmp_path: Path
) -> None:
    for number, source in enumerate(both_forms):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        for path in (folder / "onnx").iterdir():
            if not path.stem.endswith(f"_{precision}"):
                path.unlink()
        backend = load(folder)
        ids, pixels = make_prompt(backend.config, 2)
        assert backend.precision == precision
        assert len(greedy(backend, ids, pixels, 4)) == 4


def test_int8_tiles_do_not_set_each_others_scale(both_forms: tuple[Path, Path]) -> None:
    for folder in both_forms:
        backend = load(folder, "int8")
        _, tiles = make_prompt(backend.config, 2)
        loud = np.stack([tiles[0], tiles[1] * 40])
        np.testing.assert_array_equal(backend.encode(loud)[0], backend.encode(tiles[:1])[0])


def test_fused_int8_rows_do_not_set_each_others_scale(both_forms: tuple[Path, Path]) -> None:
    backend = load(both_forms[0], "int8")
    ids, _ = make_prompt(backend.config, 0, seed=4)
    whole = backend.forward(ids, backend.create_cache(len(ids)))
    cache = backend.create_cache(len(ids))
    steps = [backend.forward(ids[i : i + 1], cache) for i in range(len(ids))]
    np.testing.assert_allclose(steps[-1], whole, atol=1e-4 * np.abs(whole).max())


@pytest.mark.parametrize("component", ["vision_encoder", "embed_tokens", "decoder_model_merged"])
def test_a_truncated_or_foreign_file_is_model_invalid(
    both_forms: tuple[Path, Path], component: str, tmp_path: Path
) -> None:
    folder = foreign_copy(both_forms[0], tmp_path / "broken")
    path = folder / "onnx" / f"{component}.onnx"
    whole = path.read_bytes()
    other = "embed_tokens" if component != "embed_tokens" else "vision_encoder"
    for content in (
        whole[: len(whole) // 2],
        b"",
        b"not a graph",
        (folder / "onnx" / f"{other}.onnx").read_bytes(),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelInvalid):
            load(folder, "fp32")


def test_weights_that_give_nan_are_model_invalid(
    both_forms: tuple[Path, Path], tmp_path: Path
) -> None:
    import onnx
    from onnx import numpy_helper

    foreign_copy(both_forms[0], tmp_path / "nan")
    path = tmp_path / "nan" / "onnx" / "decoder_model_merged.onnx"
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    values = numpy_helper.to_array(tensor).copy()
    values[0] = np.finfo(np.float32).max  # finite, but no sum of it is
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    with pytest.raises(ModelInvalid, match="NaN"):
        load(tmp_path / "nan", "fp32")


@pytest.mark.parametrize("place", ["../../secret.bin", "{tmp}/secret.bin"])
def test_external_data_outside_the_folder_is_refused(
    both_forms: tuple[Path, Path], place: str, tmp_path: Path
) -> None:
    import onnx

    (tmp_path / "secret.bin").write_bytes(bytes(1 << 20))
    folder = tmp_path / "model" / "onnx"
    folder.mkdir(parents=True)
    path = folder / "embed_tokens.onnx"
    model = onnx.load(both_forms[0] / "onnx" / path.name)
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place.format(tmp=tmp_path)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelInvalid):
        create_session(path)


def test_a_missing_file_is_model_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="does not exist"):
        create_session(tmp_path / "vision_encoder.onnx")


def test_unknown_and_absent_devices_are_told_apart() -> None:
    assert provider_for("auto") == ("cpu", "CPUExecutionProvider")
    with pytest.raises(BadOptions, match="tpu"):
        provider_for("tpu")
    with pytest.raises(BackendUnavailable, match="CPUExecutionProvider"):
        provider_for("mps")


def test_a_full_cache_refuses_more_tokens(both_forms: tuple[Path, Path]) -> None:
    for folder in both_forms:
        backend = load(folder, "fp32")
        cache = backend.create_cache(3)
        backend.forward(np.array([5, 6]), cache)
        with pytest.raises(BadPrompt, match="cache of 3"):
            backend.forward(np.array([5, 6]), cache)
        assert cache.length == 2


def test_a_closed_backend_says_so(both_forms: tuple[Path, Path]) -> None:
    backend = load(both_forms[0], "fp32")
    backend.close()
    with pytest.raises(Closed):
        backend.create_cache(4)


def test_a_float16_cache_is_fed_as_float16(both_forms: tuple[Path, Path], tmp_path: Path) -> None:
    """The hub's fp16 and q4f16 decoders keep keys and values in float16, the rest in float32."""
    for number, source in enumerate(both_forms):
        folder = foreign_copy(source, tmp_path / str(number))
        for path in list((folder / "onnx").iterdir()):
            if path.stem.endswith(("_int8", "_q4")):
                path.unlink()
            else:
                path.rename(path.with_name(f"{path.stem}_fp16.onnx"))
        halve_cache(folder / "onnx" / "decoder_model_merged_fp16.onnx")
        backend, exact = load(folder), load(source, "fp32")
        ids, tiles = make_prompt(exact.config, 1)
        assert backend.precision == "fp16"
        expected = exact.forward(ids, exact.create_cache(99), [exact.encode(tiles)])
        cache = backend.create_cache(99)
        backend.forward(ids[:-1], cache, [backend.encode(tiles)])
        found = backend.forward(ids[-1:], cache)
        np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


def halve_cache(path: Path) -> None:
    """Put casts between a decoder's float32 keys and values and float16 inputs and outputs."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path)
    graph = model.graph
    before, after = [], []
    for item in (*graph.input, *graph.output):
        name, inner = item.name, f"{item.name}.float32"
        if not name.startswith(("past_key_values.", "present.")):
            continue
        item.type.tensor_type.elem_type = TensorProto.FLOAT16
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [inner if n == name else n for n in names]
        if name.startswith("past"):
            before.append(helper.make_node("Cast", [name], [inner], to=TensorProto.FLOAT))
        else:
            after.append(helper.make_node("Cast", [inner], [name], to=TensorProto.FLOAT16))
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def test_the_known_fusion_failure_is_retried_without_optimisations(
    both_forms: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import onnxruntime

    make = onnxruntime.InferenceSession
    levels = []

    def fail_once(path: str, options: Any, **rest: Any) -> Any:
        levels.append(options.graph_optimization_level)
        if len(levels) == 1:
            raise RuntimeError(f"{FUSION_FAILURE}: InsertedPrecisionFreeCast_/layer_norm1")
        return make(path, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail_once)
    create_session(both_forms[0] / "onnx" / "vision_encoder_q4.onnx")
    off = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert levels[0] != off and levels[1] == off
    assert "vision_encoder_q4.onnx" in caplog.text
