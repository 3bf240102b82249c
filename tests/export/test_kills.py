"""`kill -9` during an export: the folder holds the old model, the new one, or says so."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.errors import ModelInvalid
from smolvlm_tools.export import export_checkpoint
from smolvlm_tools.export import unit as unit_module
from smolvlm_tools.export.unit import Unit, source_digest
from tests.support.onnx_exports import greedy, load, make_prompt
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork and SIGKILL on Windows")


def answer(folder: Path) -> list[int]:
    backend = load(folder, "fp32")
    ids, tiles = make_prompt(backend.config, 1)
    return greedy(backend, ids, tiles, 4)


def commit_and_die(unit: Unit, scratch: Path, step: int) -> bool:
    """Put files into place in a child that is killed before its n-th change; whether it was."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def counted(change: Any) -> Any:
            def changed(*arguments: Any, **options: Any) -> Any:
                nonlocal count
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
                return change(*arguments, **options)

            return changed

        for name in ("replace", "unlink"):
            setattr(Path, name, counted(getattr(Path, name)))
        os.replace = counted(os.replace)
        try:
            unit.commit(scratch)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "no manifest"])
def test_between_any_two_renames(
    tiny_onnx: Path, tiny_other: Path, other_onnx: Path, tmp_path: Path, manifest: bool
) -> None:
    """Over a folder of another model, whose files have the same sizes."""
    old, new = answer(tiny_onnx), answer(other_onnx)
    assert old != new
    out = tmp_path / "out"
    unit = Unit(out, tiny_other, source_digest(tiny_other), {"fp32": {}}, replace=True)
    step, seen = 0, {"old": 0, "typed error": 0}
    while True:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tiny_onnx, out)
        if not manifest:
            (out / MANIFEST).unlink()
        shutil.copy(out / "onnx" / "embed_tokens.onnx", out / "onnx" / "embed_tokens_q4.onnx")
        scratch = out / ".export-test"
        shutil.copytree(other_onnx, scratch, ignore=shutil.ignore_patterns(MANIFEST))
        if not commit_and_die(unit, scratch, step):
            break
        try:
            assert answer(out) == old, f"step {step}"
            seen["old"] += 1
        except ModelInvalid:
            seen["typed error"] += 1
        shutil.rmtree(scratch)
        shutil.copytree(other_onnx, scratch, ignore=shutil.ignore_patterns(MANIFEST))
        unit.commit(scratch)
        assert answer(out) == new
        assert not (out / "onnx" / "embed_tokens_q4.onnx").exists()
        step += 1
    assert answer(out) == new
    assert step >= 10 and all(seen.values()), seen


def test_a_plain_next_export_mends_an_interrupted_one(
    tiny_a: Path, tiny_other: Path, tiny_onnx: Path, other_onnx: Path, tmp_path: Path
) -> None:
    for source, truth in ((tiny_a, tiny_onnx), (tiny_other, other_onnx)):
        out = tmp_path / source.name
        shutil.copytree(tiny_onnx, out)
        scratch = out / ".export-test"
        shutil.copytree(other_onnx, scratch, ignore=shutil.ignore_patterns(MANIFEST))
        unit = Unit(out, tiny_other, source_digest(tiny_other), {"fp32": {}}, replace=True)
        assert commit_and_die(unit, scratch, 4)
        with pytest.raises(ModelInvalid, match="interrupted"):
            load(out)
        export_checkpoint(source, out)
        assert answer(out) == answer(truth)
        assert not list(out.glob(".*"))


EXPORT = """
import sys
from pathlib import Path
from smolvlm_tools.export import export_checkpoint
print("started", flush=True)
export_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), ["fp32", "int8"], replace=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_at_random_moments_of_a_whole_export(
    tiny_onnx: Path, tiny_other: Path, other_onnx: Path, tmp_path: Path
) -> None:
    old, new = answer(tiny_onnx), answer(other_onnx)
    out, rng, killed = tmp_path / "out", random.Random(0), 0
    shutil.copytree(tiny_onnx, out)
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", EXPORT, tiny_other, out], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None and process.stdout.readline() == b"started\n"
        time.sleep(rng.uniform(0, 6))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        try:
            assert answer(out) in (old, new)
        except ModelInvalid as error:
            assert "interrupted" in str(error)
    assert killed
    export_checkpoint(tiny_other, out, replace=True)
    assert load(out, "fp32") and not list(out.glob(".export-*"))
    assert unit_module.read_manifest(out)
