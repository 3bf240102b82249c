"""Greedy tokens of every real backend against transformers' own `generate`, in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image

from smolvlm_tools import SmolVLM
from tests.prompt.test_chat import CONVERSATIONS
from tests.support.checkpoints import build_tiny_checkpoint
from tests.support.transformers_reference import generate
from tests.vision.test_tiles import noise

NEW_TOKENS = 24

CASES = {
    "text only": ("text only", [], "native"),
    "one unsplit image": ("image first", [(45, 32)], 1),
    "one split image": ("image first", [(300, 200)], "native"),
    "two interleaved images": ("two interleaved", [(64, 64), (90, 200)], "native"),
    "three turns": ("three turns", [(120, 77)], "native"),
}


def fill(name: str, images: list[Image.Image]) -> list[dict[str, Any]]:
    remaining = iter(images)
    return [
        {
            **turn,
            "content": [
                {**part, "image": next(remaining)} if part["type"] == "image" else part
                for part in turn["content"]
            ],
        }
        for turn in CONVERSATIONS[name][0]
    ]


Case: TypeAlias = tuple[str, list[tuple[int, int]], "int | str"]
"""A conversation, the sizes of its images, and the resolution they are seen at."""


def check_case(vlm: SmolVLM, folder: Path, case: Case, tokens: int = NEW_TOKENS) -> None:
    name, sizes, resolution = case
    images = [noise(size, seed) for seed, size in enumerate(sizes)]
    result = vlm.generate(
        fill(name, images),
        resolution=resolution,
        max_new_tokens=tokens,
        ignore_eos=True,
        repetition_guard=False,
        logprobs=True,
    )
    side = None if resolution == "native" else resolution
    expected = generate(folder, CONVERSATIONS[name][0], images, tokens, side)
    assert [token.id for token in result.tokens or ()] == expected
    assert len(set(expected)) > 1, "a constant reply would prove little"


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
