"""A disk that fills up: a typed error, and the same run goes on when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from smolvlm_tools import open_checkpoint
from smolvlm_tools.cli.run import run
from smolvlm_tools.errors import BadOptions, StoreFull
from smolvlm_tools.finetune.folders import written_whole
from smolvlm_tools.finetune.options import FineTuneOptions
from smolvlm_tools.finetune.records import StepRecord
from smolvlm_tools.finetune.report.log import StepLog, read_log
from smolvlm_tools.finetune.train import finetune
from tests.support.lessons import split, tensors_of
from tests.support.paths import ROOT
from tests.support.small_disks import fill, make_room, small_disk

RUN = {"batch_size": 2, "rank": 4, "learning_rate": 1e-2, "save_every": 1}


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "32m") as place:
        yield place


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def filled_after(disk, step, left):
    def told(record):
        if record.step == step:
            fill(disk, left)

    return told


def assert_same(one, other):
    one, other = tensors_of(one), tensors_of(other)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_state_that_finds_no_room_leaves_the_one_before_and_the_run_goes_on(
    tiny_a, disk, tmp_path, share
):
    checkpoint, samples, options = open_checkpoint(tiny_a), split(8, 2), FineTuneOptions(**RUN)
    whole = finetune(checkpoint, samples, tmp_path / "whole", options)
    left = int(share * size_of(tmp_path / "whole" / "state"))
    with pytest.raises(StoreFull, match=r"step-00000003' cannot be written \(No space left") as got:
        finetune(checkpoint, samples, disk / "out", options, on_step=filled_after(disk, 2, left))
    assert got.value.remedy == "Make room and run it again: it goes on."
    assert os.listdir(disk / "out" / "state") == ["step-00000002"]
    make_room(disk)
    told = []
    again = finetune(checkpoint, samples, disk / "out", options, on_step=told.append)
    assert [record.step for record in told] == [3, 4]
    assert again.losses == whole.losses and again.held_out == whole.held_out
    assert_same(again.checkpoint, whole.checkpoint)


@pytest.mark.parametrize("name", ["adapter", "checkpoint"])
def test_what_was_learned_is_written_once_there_is_room(tiny_a, disk, tmp_path, name):
    checkpoint, samples, options = open_checkpoint(tiny_a), split(4), FineTuneOptions(**RUN)
    whole = finetune(checkpoint, samples, tmp_path / "whole", options)
    sizes = {each: size_of(tmp_path / "whole" / each) for each in ("adapter", "checkpoint")}
    left = sizes["adapter"] // 2
    if name == "checkpoint":
        left += sizes["adapter"] + sizes["checkpoint"] // 2
    with pytest.raises(StoreFull, match=rf"{name}' cannot be written \(No space left"):
        finetune(checkpoint, samples, disk / "out", options, on_step=filled_after(disk, 2, left))
    there = set(os.listdir(disk / "out"))
    assert there == {"state"} | ({"adapter"} if name == "checkpoint" else set())
    make_room(disk)
    again = finetune(checkpoint, samples, disk / "out", options)
    assert_same(again.adapter, whole.adapter)
    assert_same(again.checkpoint, whole.checkpoint)


def test_the_log_says_so_and_keeps_the_lines_before(disk):
    path = disk / "log.jsonl"
    record = StepRecord(1, 1.0, 1e-4, 100, 0.5, 1.0)
    with StepLog(path) as log:
        log(record)
    fill(disk, 0)
    with pytest.raises(StoreFull, match=r"log\.jsonl"), StepLog(path) as log:
        for step in range(2, 1000):
            log(StepRecord(step, 1.0, 1e-4, 100, 0.5, 1.0))
    make_room(disk)
    assert read_log(path)[0] == record


def test_what_stood_there_stays_where_a_folder_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "best"
    with written_whole(target) as part:
        (part / "weights").write_text("before")
    plain = Path.rename

    def fail(self, to):
        if self.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return plain(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StoreFull), written_whole(target) as part:
        (part / "weights").write_text("after")
    assert (target / "weights").read_text() == "before"
    assert os.listdir(tmp_path) == ["best"]


def test_a_folder_that_may_not_be_written_is_an_option_that_is_wrong(tiny_a, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadOptions, match="cannot be written"):
        finetune(
            open_checkpoint(tiny_a), split(2), tmp_path / "file" / "out", FineTuneOptions(**RUN)
        )


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from smolvlm_tools.cli.run import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.parametrize(("most", "unwritten"), [(100_000, "step-"), (4_000_000, "checkpoint")])
def test_the_command_says_so_in_one_line_and_ends_with_code_1(tmp_path, most, unwritten):
    make = [sys.executable, str(ROOT / "examples" / "receipts" / "make.py"), str(tmp_path)]
    subprocess.run([*make, "--train", "4", "--held-out", "1"], check=True, timeout=60)
    arguments = ["finetune", str(tmp_path / "train.jsonl"), "--out", str(tmp_path / "out")]
    arguments += ["--model", "embedded", "--device", "cpu", "--validation", "0"]
    arguments += ["--answers", "0", "--batch-size", "2"]
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, str(most), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 1, told.stderr
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("error: ")]
    assert unwritten in line and "cannot be written (File too large)" in line
    assert "it goes on" in told.stderr and "Traceback" not in told.stderr
    assert run(arguments) == 0
