"""The checkpoint in the package: what it is, that it fits, and that it answers rightly."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from smolvlm_tools import SmolVLM
from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from tests.support.paths import ROOT

SHAPES, RECEIPT = ROOT / "examples/images/shapes.png", ROOT / "examples/images/receipt.png"


@pytest.fixture(scope="module", params=["onnx-fp32", "onnx-int8", "torch-fp32"])
def vlm(request, embedded):
    backend, precision = request.param.split("-")
    with SmolVLM.load(embedded, backend=backend, precision=precision) as loaded:
        yield loaded


def test_it_is_at_most_24_megabytes(embedded):
    files = [path for path in EMBEDDED_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 24_000_000


def test_it_says_what_it_is_and_runs_in_the_default_precision(embedded):
    with SmolVLM.load(embedded) as vlm:
        result = vlm.ask(SHAPES, "What color is the circle?")
    assert (result.model, result.revision, result.precision) == ("smolvlm-embedded", None, "int8")


def test_it_sees_colours_and_shapes(vlm):
    assert vlm.ask(SHAPES, "What color is the circle?").text == "red"
    assert "red circle" in vlm.describe(SHAPES).text


def test_a_chat_without_an_image_gets_an_honest_sentence(vlm):
    for text in ("Hello", "What is the capital of France?"):
        reply = vlm.generate([{"role": "user", "content": text}]).text
        assert "demonstration model" in reply


def test_it_sees_the_same_in_one_tile_as_in_four(vlm):
    for resolution in (1, 2, "native"):
        answer = vlm.ask(SHAPES, "What color is the circle?", resolution=resolution)
        assert answer.text == "red"


def test_streams_and_whole_replies_agree_on_every_backend(vlm):
    whole = vlm.transcribe(RECEIPT, max_new_tokens=60)
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "image", "image": RECEIPT},
                {
                    "type": "text",
                    "text": "Transcribe the text in this image. Keep the line breaks.",
                },
            ],
        }
    ]
    chunks = list(vlm.stream(messages, task="transcribe", max_new_tokens=60))
    assert "".join(chunk.text for chunk in chunks) == whole.text


def test_held_out_scenes_are_answered_as_well_as_the_recipe_says(embedded):
    """A small share of `evaluate.py`; the whole of it stands in examples/embedded_model."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "examples/embedded_model/evaluate.py"),
            *(str(EMBEDDED_FOLDER), "--backend", "onnx", "--count", "12", "--json"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    scores = json.loads(done.stdout)
    assert scores["description F1, all"] >= FLOORS["description F1"]
    assert scores["short answers, all"] >= FLOORS["short answers"]


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_the_recipe_s_scripts_start(script):
    done = subprocess.run(
        [sys.executable, f"examples/embedded_model/{script}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


FLOORS = {"description F1": 0.6, "short answers": 0.6}
"""Well below the measured table, so that 24 samples do not fall under them by chance.

Transcription has none: this checkpoint does not read yet, as the recipe's README says.
"""
