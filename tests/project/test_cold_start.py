"""What a fresh process imports, stage by stage: only what the stage needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

RUNTIMES = {"torch", "transformers", "onnxruntime", "openvino", "onnx"}
NETWORK = {"huggingface_hub", "httpx2", "requests"}
DECODING = {"llguidance", "tokenizers", "safetensors"}
VALUES = {"numpy", "PIL", "pydantic", "asyncio"}
TERMINAL = {"typer", "rich"}

HELP = """
from smolvlm_tools.cli.run import run
try:
    run(["--help"])
except SystemExit:
    pass
"""
ASK = """
from smolvlm_tools import SmolVLM
with SmolVLM.load("embedded", backend="onnx", precision="fp32") as vlm:
    vlm.ask("examples/images/shapes.png", "What color is the circle?", max_new_tokens=2)
"""


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh process holds after running `code`."""
    ending = (
        "\nimport json, sys\nsys.stderr.write('@' + json.dumps(sorted(m for m in sys.modules if "
        "'.' not in m)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + ending],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.rpartition("@")[2]))


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import smolvlm_tools", RUNTIMES | NETWORK | DECODING | VALUES | TERMINAL),
        ("import smolvlm_tools.cli", RUNTIMES | NETWORK | DECODING | VALUES | TERMINAL),
        (HELP, RUNTIMES | NETWORK | DECODING | VALUES),
        ("from smolvlm_tools import load_image", RUNTIMES | NETWORK | DECODING | TERMINAL),
        ("from smolvlm_tools import SmolVLM", RUNTIMES | NETWORK | TERMINAL | {"llguidance"}),
        (ASK, (RUNTIMES - {"onnxruntime"}) | NETWORK | TERMINAL),
    ],
    ids=["import", "command", "help", "images", "engine", "answer"],
)
def test_a_fresh_process_loads_only_what_it_needs(code, absent):
    assert loaded_after(code) & absent == set()
