"""What runs on the user's machine is told nobody: no identifier is written, nothing is sent."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.paths import ROOT

ASK = """
from smolvlm_tools import SmolVLM
with SmolVLM.load("embedded", backend="onnx") as vlm:
    print(vlm.ask("examples/images/shapes.png", "What color is the circle?").text)
"""


def test_onnx_runtime_leaves_no_identifier_of_the_machine_behind(embedded, tmp_path):
    """Its telemetry writes one below the home directory before it sends anything."""
    unset = {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI"}  # on CI it is off by itself
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={**clean, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "red\n"), done.stderr
    assert [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name] == []
