"""Every precision of the hub's ONNX files, made of a tiny checkpoint with the tools that made them.

The hub's files come out of onnxruntime's own quantizers: `quantize_dynamic` (int8, uint8,
quantized), `MatMulNBitsQuantizer` in blocks of 32 (q4), `MatMulBnb4Quantizer` (bnb4), and
`float16` with keys and values in float16 and the other inputs and outputs in float32 (fp16, and
q4f16 on top of q4).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_tools.backends.onnx.files import COMPONENTS, PRECISIONS, component_file
from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.errors import ModelInvalid
from tests.support.onnx_exports import greedy, load, make_prompt

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
pytest.importorskip("torch", reason="the extra export is not installed")

STEPS = 6
WORST = {
    "fp32": 1e-5,
    "fp16": 0.01,
    "int8": 0.15,
    "uint8": 0.15,
    "quantized": 0.15,
    "q4": 0.4,
    "q4f16": 0.4,
    "bnb4": 0.4,
}
"""Largest error of a logit, relative to the largest logit. Random weights of such small matrices
are a bad case; what counts is that it is an error of rounding and not another computation."""


def quantize_dynamic(kind: str) -> Callable[[Path, Path], None]:
    """8-bit weights, and activations quantized as they come."""

    def write(source: Path, target: Path) -> None:
        from onnxruntime import quantization

        quantization.quantize_dynamic(
            source,
            target,
            weight_type=quantization.QuantType[kind],
            extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
        )

    return write


def quantize_blocks(source: Path, target: Path) -> None:
    """4-bit weights, symmetric, a scale for each block of 32."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


def quantize_bitsandbytes(source: Path, target: Path) -> None:
    """4-bit weights in bitsandbytes' NF4 (kind 1), in blocks of 64."""
    from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer

    quantizer = MatMulBnb4Quantizer(onnx.load(source), quant_type=1, block_size=64)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


def halve(source: Path, target: Path) -> None:
    """float16 inside, and keys and values in float16; other inputs and outputs stay as they are."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    names = [item.name for item in (*model.graph.input, *model.graph.output)]
    kept = [name for name in names if not name.startswith(("past_key_values.", "present."))]
    converted = convert_float_to_float16(model, keep_io_types=kept, disable_shape_infer=True)
    onnx.save(converted, target)


MAKERS: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "fp16": ("fp32", halve),
    "int8": ("fp32", quantize_dynamic("QInt8")),
    "uint8": ("fp32", quantize_dynamic("QUInt8")),
    "quantized": ("uint8", shutil.copyfile),
    "q4": ("fp32", quantize_blocks),
    "q4f16": ("q4", halve),
    "bnb4": ("fp32", quantize_bitsandbytes),
}
"""What each precision is made of, and how."""


@pytest.fixture(scope="module")
def folder(tiny_a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All precisions of one checkpoint, with the hub's inputs and standard operators."""
    from smolvlm_tools.export import export_checkpoint

    out = tmp_path_factory.mktemp("hub")
    export_checkpoint(tiny_a, out, ["fp32"], fused=False)
    (out / MANIFEST).unlink()
    for precision, (source, write) in MAKERS.items():
        for component in COMPONENTS:
            write(
                out / component_file(component, source), out / component_file(component, precision)
            )
    return out


def last_logits(backend: Any, ids: Any, tiles: Any) -> Any:
    return backend.forward(ids, backend.create_cache(len(ids)), [backend.encode(tiles)])


def test_all_precisions_of_the_hub_are_made_here() -> None:
    assert {"fp32", *MAKERS} == set(PRECISIONS) == set(WORST)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_each_precision_runs_close_to_fp32(folder: Path, precision: str) -> None:
    exact, backend = load(folder, "fp32"), load(folder, precision)
    ids, tiles = make_prompt(exact.config, 2)
    expected = last_logits(exact, ids, tiles)
    error = np.abs(last_logits(backend, ids, tiles) - expected).max() / np.abs(expected).max()
    print(f"{precision}: {error:.1e}")
    assert error <= WORST[precision]
    assert backend.precision == precision
    tokens = greedy(backend, ids, tiles, STEPS)
    if precision in ("fp32", "fp16"):
        assert tokens == greedy(exact, ids, tiles, STEPS)
    rows = exact_rows(exact, ids, tiles, tokens)
    chosen = rows[np.arange(STEPS), tokens]
    assert (rows.max(axis=1) - chosen <= 2 * WORST[precision] * np.abs(rows).max(axis=1)).all()


def exact_rows(backend: Any, ids: Any, tiles: Any, tokens: list[int]) -> Any:
    """The logits after a prompt and after each of the tokens but the last."""
    cache = backend.create_cache(len(ids) + len(tokens))
    rows = [backend.forward(ids, cache, [backend.encode(tiles)])]
    for token in tokens[:-1]:
        rows.append(backend.forward(np.array([token]), cache))
    return np.stack(rows)


@pytest.mark.parametrize("precision", ["fp16", "q4f16"])
def test_half_precision_files_keep_keys_and_values_in_float16(folder: Path, precision: str) -> None:
    backend = load(folder, precision)
    ids, tiles = make_prompt(backend.config, 1)
    cache = backend.create_cache(len(ids) + 4)
    backend.forward(ids, cache, [backend.encode(tiles)])
    block = backend.read_cache(cache, 0, len(ids))
    assert block.dtype == np.float16
    again = backend.create_cache(len(ids) + 4)
    backend.write_cache(again, block)
    next_token = np.array([7])
    expected = backend.forward(next_token, cache)
    np.testing.assert_array_equal(backend.forward(next_token, again), expected)
    assert expected.dtype == np.float32


def test_components_may_each_have_a_precision_of_their_own(folder: Path) -> None:
    plan = {"vision": "fp16", "embed": "uint8", "decoder": "bnb4"}
    mixed, exact = load(folder, plan), load(folder, "fp32")  # pyright: ignore[reportArgumentType]
    ids, tiles = make_prompt(exact.config, 1)
    assert mixed.precision == "vision=fp16,embed=uint8,decoder=bnb4"
    np.testing.assert_array_equal(mixed.encode(tiles), load(folder, "fp16").encode(tiles))
    np.testing.assert_array_equal(mixed.embed(ids), load(folder, "uint8").embed(ids))
    expected = last_logits(exact, ids, tiles)
    error = np.abs(last_logits(mixed, ids, tiles) - expected).max() / np.abs(expected).max()
    assert 0 < error <= WORST["bnb4"]


def test_an_operator_without_a_kernel_is_named_at_load(folder: Path, tmp_path: Path) -> None:
    """What a device or a build of ONNX Runtime lacks shows at load, not at the first request."""
    shutil.copytree(folder, tmp_path / "hub")
    path = tmp_path / "hub" / component_file("decoder_model_merged", "bnb4")
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "MatMulBnb4":
            node.op_type = "MatMulBnb3"
    onnx.save(model, path)
    with pytest.raises(ModelInvalid, match="MatMulBnb3"):
        load(tmp_path / "hub", "bnb4")
