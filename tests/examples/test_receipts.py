"""The receipts' example in short: what could not be answered before is answered after."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.document_blocks import blocks
from tests.support.paths import ROOT
from tests.support.processes import environment

MAKE = ROOT / "examples" / "receipts" / "make.py"


def make(folder, *arguments):
    subprocess.run([sys.executable, str(MAKE), str(folder), *arguments], check=True, timeout=60)
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def test_a_seed_always_gives_the_same_receipts(tmp_path):
    few = ("--train", "3", "--held-out", "2")
    names = make(tmp_path / "a", *few)
    assert names == make(tmp_path / "b", *few) and len(names) == 9
    for name in names:
        paths = [tmp_path / side / name for side in "ab"]
        assert paths[0].is_dir() or paths[0].read_bytes() == paths[1].read_bytes()


def test_the_page_and_the_readme_show_the_same_commands():
    (shown,) = [code for code in blocks("docs/finetune.md", "bash") if "make.py" in code]
    (readme,) = blocks("examples/receipts/README.md", "bash")
    assert readme.startswith(shown)


def tune(model, folder, *options):
    """Run the example's command in a process of its own; its JSON."""
    for name in ("torch", "transformers", "accelerate", "peft"):
        pytest.importorskip(name)
    arguments = [
        *("finetune", folder / "train.jsonl", "--model", model, "--device", "cpu"),
        *("--validation", folder / "held-out.jsonl", "--out", folder / "tuned"),
        *("--batch-size", "8", "--learning-rate", "2e-3", "--rank", "16", *options),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "smolvlm_tools", *map(str, arguments), "--json"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.slow
def test_held_out_receipts_are_answered_after_training_and_none_before(embedded, tmp_path):
    make(tmp_path, "--train", "200", "--held-out", "20")
    scores = tune(embedded, tmp_path, "--epochs", "3")["scores"]
    assert scores["before"]["exact"] <= 0.05
    assert scores["after"]["exact"] >= scores["before"]["exact"] + 0.3
