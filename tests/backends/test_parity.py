"""Greedy tokens of every real backend against transformers' own `generate`, in fp32."""

from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_tools import SmolVLM
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.parity import CASES, check_case


@pytest.fixture(scope="module", params=["idefics3-a", "idefics3-b", "smolvlm-a"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model_type, shape = request.param.split("-")
    folder = tmp_path_factory.mktemp(request.param)
    return build_tiny_checkpoint(folder, shape, model_type)


@pytest.fixture(scope="module")
def torch_engine(checkpoint: Path):
    with SmolVLM.load(checkpoint, backend="torch", precision="fp32", device="cpu") as vlm:
        yield vlm


@pytest.fixture(scope="module", params=["plain", "fused"])
def onnx_engine(checkpoint: Path, request: pytest.FixtureRequest, tmp_path_factory):
    from smolvlm_tools.export import export_checkpoint

    out = tmp_path_factory.mktemp("onnx")
    export_checkpoint(checkpoint, out, ["fp32"], fused=request.param == "fused")
    with SmolVLM.load(out, backend="onnx", precision="fp32") as vlm:
        yield vlm


@pytest.mark.parametrize("case", CASES)
def test_torch_decodes_the_tokens_of_transformers(torch_engine, checkpoint, case):
    check_case(torch_engine, checkpoint, CASES[case])


@pytest.mark.parametrize("case", CASES)
def test_onnx_decodes_the_tokens_of_transformers(onnx_engine, checkpoint, case):
    check_case(onnx_engine, checkpoint, CASES[case])
