"""The parity of test_parity.py on SmolVLM-256M's own shape and tokenizer, with random weights.

CI runs it cut to two layers a tower, in ONNX Runtime, which "auto" takes; `make test-slow` runs
all thirty and twelve, and torch.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.checkpoints.make import build_checkpoint
from smolvlm_tools import SmolVLM
from tests.support.parity import CASES, check_case

LARGER = {
    "text only": ("text only", [], "native"),
    "one unsplit image": ("image first", [(500, 300)], 1),
    "one split image": ("image first", [(640, 480)], 2),
    "two interleaved images": ("two interleaved", [(200, 200), (512, 900)], 1),
    "three turns": ("three turns", [(600, 350)], 2),
}


def build_256m(reference: Path, folder: Path, layers: int | None) -> Path:
    """Random weights in the real shape; `layers` cuts both towers short."""
    configs = folder / "configs"
    shutil.copytree(reference / "SmolVLM-256M-Instruct", configs)
    if layers is not None:
        path = configs / "config.json"
        config = json.loads(path.read_text())
        config["text_config"]["num_hidden_layers"] = layers
        config["vision_config"]["num_hidden_layers"] = layers
        path.write_text(json.dumps(config))
    build_checkpoint(configs, folder / "checkpoint", dtype="fp32")
    return folder / "checkpoint"


@pytest.fixture(
    scope="module",
    params=[pytest.param(2, id="two layers"), pytest.param(None, id="all", marks=pytest.mark.slow)],
)
def checkpoint(request, reference, tmp_path_factory) -> Path:
    from smolvlm_tools.export import export_checkpoint

    folder = build_256m(reference, tmp_path_factory.mktemp("256m"), request.param)
    export_checkpoint(folder, folder, ["fp32"])
    return folder


@pytest.mark.parametrize("backend", ["onnx", pytest.param("torch", marks=pytest.mark.slow)])
def test_256m_decodes_the_tokens_of_transformers(checkpoint, backend):
    with SmolVLM.load(checkpoint, backend=backend, precision="fp32", device="cpu") as vlm:
        for case in CASES:
            check_case(vlm, checkpoint, LARGER[case], tokens=8)
