"""`smolvlm quantize` keeps its memory bounded, and says what it saved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_tools.backends.torch.names import FLOATS, KINDS
from tests.support import checkpoints
from tests.support.checkpoints import Shape, build_tiny_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")


MEASURE = """
import sys
import torch
from pathlib import Path
from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends import torch_model
from smolvlm_tools.backends.torch.backend import TorchBackend
from smolvlm_tools.backends.torch.formats.choose import check_kinds
from smolvlm_tools.export.quantized import quantize_checkpoint
from smolvlm_tools.heap import trim_heap

def highest():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024

source, out, kind = sys.argv[1:]
with torch.inference_mode():
    check_kinds([kind], "cpu", torch.float32)
before = highest()
backend = TorchBackend.load(open_checkpoint(source), kind, "cpu", 1)
loading = highest() - before
backend.close()
trim_heap()
Path("/proc/self/clear_refs").write_text("5")
before = highest()
quantize_checkpoint(open_checkpoint(source), Path(out), kind)
print(highest() - before, loading)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind == "q4" else pytest.mark.slow)
        for kind in KINDS
        if kind not in FLOATS
    ],
)
def test_no_more_than_a_few_tensors_are_in_memory_at_a_time(wide, tmp_path, kind):
    from smolvlm_tools.backends.torch.formats.sizes import matrix_bytes

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(wide), str(tmp_path), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    writing, loading = (int(number) for number in done.stdout.split())
    held = 12 * (3 * matrix_bytes(kind, 2048, 512).total + matrix_bytes(kind, 1280, 512).total)
    whole = (Path(wide) / "model.safetensors").stat().st_size
    assert whole > 150e6
    assert writing < whole / 2, (writing, whole)
    assert loading < held + whole / 2, (loading, held, whole)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A checkpoint of 180 MB, most of it in the decoder's layers."""
    text = (512, 8, 2, 64, 12, 2048)
    with pytest.MonkeyPatch.context() as patch:
        shape = Shape(32, 4, 2, 128, (48, 3, 2, 80), text, markers=True)
        patch.setitem(checkpoints.SHAPES, "wide", shape)
        yield build_tiny_checkpoint(tmp_path_factory.mktemp("wide"), "wide")


def test_the_command_quantizes_and_says_how_much_smaller_it_is(tiny_a, tmp_path, capsys):
    from smolvlm_tools.cli.run import run

    arguments = ["quantize", str(tiny_a), "--out", str(tmp_path / "out"), "--precision", "bnb-int8"]
    assert run([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["precision"] == "bnb-int8" and printed["bytes"] < printed["source_bytes"]
    assert run(arguments) == 0
    assert "MB  weights after" in capsys.readouterr().out
    assert run([*arguments[:-1], "nf4"]) == 2
    assert "nf4" in capsys.readouterr().err
    assert run([*arguments, "--adapter", str(tmp_path / "none")]) == 4
