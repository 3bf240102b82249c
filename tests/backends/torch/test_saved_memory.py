"""`smolvlm quantize` and loading what it wrote take little memory beside the weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_tools.backends.torch.formats.registry import FORMATS
from smolvlm_tools.backends.torch.names import FLOATS, KINDS
from tests.support import checkpoints
from tests.support.checkpoints import Shape, build_tiny_checkpoint

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
for module in ("bitsandbytes", "torchao", "optimum.quanto"):
    pytest.importorskip(module, reason="the extra quant is not installed")

MEASURE = """
import sys
import torch
from pathlib import Path
from smolvlm_tools import open_checkpoint
from smolvlm_tools.backends.torch.backend import TorchBackend
from smolvlm_tools.backends.torch.formats.choose import check_kinds
from smolvlm_tools.export.quantized import quantize_checkpoint
from smolvlm_tools.machine.heap import trim_heap

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
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(wide), str(tmp_path), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    made = FORMATS[kind]
    writing, loading = (int(number) for number in done.stdout.split())
    held = 12 * sum(made.held(rows, 512, "cpu").total for rows in (2048, 2048, 2048, 1280))
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
