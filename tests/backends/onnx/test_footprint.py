"""The onnx backend's memory follows from a checkpoint's shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from smolvlm_tools.backends.footprint import Setup
from smolvlm_tools.backends.onnx.footprint import Shapes
from smolvlm_tools.backends.onnx.table import PIECE, READ_AHEAD
from smolvlm_tools.backends.registry import footprint_of
from smolvlm_tools.checkpoint.config import ImageConfig, ModelConfig, TextConfig, VisionConfig
from smolvlm_tools.memory.image_footprint import cut_bytes, cutting_bytes, pixel_bytes
from smolvlm_tools.prompt.resolution import plan_grid
from smolvlm_tools.prompt.workload import PlannedImage
from tests.support.paths import ROOT

MB = 1_000_000
HALF = (0.5, 0.5, 0.5)
CONFIG = ModelConfig(
    "idefics3",
    4,
    49190,
    frozenset({49279}),
    VisionConfig(768, 3072, 12, 12, 512, 16, 1e-6),
    TextConfig(576, 1536, 30, 9, 3, 64, 49280, 1e5, 1e-5, 8192),
    ImageConfig(512, 2048, 64, True, HALF, HALF, 1 / 255, 1),
)
"""SmolVLM-256M's."""

PARTS = ("vision", "embed", "decoder")


def setup(precision: str, backend: str = "onnx", device: str = "cpu") -> Setup:
    return Setup(CONFIG, backend, device, dict.fromkeys(PARTS, precision))


def loaded(precision: str) -> int:
    footprint = footprint_of(setup(precision))
    return sum(footprint.weights.values()) + footprint.metadata


def test_the_256m_has_the_matrices_that_its_model_card_counts() -> None:
    shapes = Shapes(CONFIG)
    assert shapes.table == 28_385_280
    norms = 61 * 576
    assert shapes.decoder == 106_203_456 - norms + 28_385_280


def test_fewer_bits_take_less_memory() -> None:
    assert loaded("q4") < loaded("int8") < loaded("fp32") < loaded("fp16")


def test_a_token_of_the_256m_takes_46_kilobytes_of_keys_and_values() -> None:
    assert footprint_of(setup("int8")).kv(1) == 46_080
    assert footprint_of(setup("q4f16")).kv(1) == 23_040


def test_a_mapped_token_table_counts_only_what_is_read_at_once() -> None:
    assert footprint_of(setup("fp32")).weights["embed"] == PIECE * READ_AHEAD
    assert footprint_of(setup("int8")).weights["embed"] == 28_385_280


def test_components_are_counted_in_their_own_precision() -> None:
    mixed = replace(setup("int8"), precision={"vision": "int8", "embed": "q4", "decoder": "q4"})
    weights = footprint_of(mixed).weights
    assert weights["vision"] == footprint_of(setup("int8")).weights["vision"]
    assert weights["decoder"] == footprint_of(setup("q4")).weights["decoder"]


def test_a_long_prompt_needs_no_more_working_memory_than_one_chunk() -> None:
    footprint = footprint_of(setup("int8"))
    assert footprint.prefill(100) < footprint.prefill(512) == footprint.prefill(1024)
    assert footprint.prefill(1024) < footprint.prefill(1024, 2000) == footprint.prefill(3024)


def test_openvino_counts_its_library_and_keeps_its_activations() -> None:
    onnx, openvino = footprint_of(setup("int8")), footprint_of(setup("int8", "openvino"))
    assert set(openvino.libraries) - set(onnx.libraries) == {"openvino"}
    assert openvino.weights["vision"] > onnx.weights["vision"]
    assert openvino.vision(1) < onnx.vision(1)


def test_a_gpu_holds_no_libraries_and_nothing_of_loading() -> None:
    footprint = footprint_of(setup("fp32", device="cuda:0"))
    assert not footprint.libraries
    assert footprint.loading == 0


def test_images_are_held_together_and_cut_one_by_one() -> None:
    sizes = [(1700, 2200), (1024, 768)]
    page, photo = (PlannedImage(size, plan_grid(size, CONFIG.image)) for size in sizes)
    assert cutting_bytes([]) == cut_bytes([]) == 0
    assert cutting_bytes([page, photo]) - cutting_bytes([page]) == 4 * 1024 * 768
    assert cutting_bytes([photo]) >= pixel_bytes(photo.size)
    assert cut_bytes([page]) < cutting_bytes([page])


LOAD = """
import json, sys
from pathlib import Path
from smolvlm_tools import SmolVLM
from smolvlm_tools.machine.meter import resident
span = resident().start()
with SmolVLM.load(sys.argv[1], backend="onnx", precision=sys.argv[2]) as vlm:
    result = vlm.generate(
        [{"role": "user", "content": [{"type": "text", "text": "What is this?"}]}],
        max_new_tokens=4,
    )
    print(json.dumps([span.end(), vlm.load_plan.stages["load"], result.usage.predicted_bytes]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured on Linux only")
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_embedded_checkpoint_takes_no_more_than_predicted(precision: str) -> None:
    command = [sys.executable, "-c", LOAD, "embedded", precision]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    measured, load, request = json.loads(ran.stdout.splitlines()[-1])
    assert measured <= max(load, request) <= 1.25 * measured


def test_predicting_imports_no_runtime() -> None:
    code = (
        "import sys; from smolvlm_tools.backends.onnx import footprint; "
        "assert not {'onnxruntime', 'torch', 'openvino'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
