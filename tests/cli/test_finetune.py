"""`smolvlm finetune`: plans, trains, goes on after Ctrl-C, and says what is wrong beforehand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.support.paths import ROOT
from tests.support.processes import environment, start

TRAIN = ["torch", "transformers", "accelerate", "peft"]


@pytest.fixture(scope="module")
def receipts(tmp_path_factory):
    """A folder with train.jsonl and held-out.jsonl of the example."""
    folder = tmp_path_factory.mktemp("receipts")
    command = [sys.executable, str(ROOT / "examples" / "receipts" / "make.py"), str(folder)]
    subprocess.run([*command, "--train", "24", "--held-out", "4"], check=True, timeout=60)
    return folder


@pytest.fixture
def arguments(receipts, tmp_path):
    return [
        *("finetune", receipts / "train.jsonl", "-m", "embedded", "--out", tmp_path / "out"),
        *("--validation", receipts / "held-out.jsonl", "--device", "cpu"),
    ]


def test_a_plan_says_what_a_run_takes_and_trains_nothing(smolvlm, arguments, tmp_path):
    told = smolvlm(*arguments, "--plan")
    assert told.code == 0 and "24 samples, 4 held apart" in told.out
    plan = json.loads(smolvlm(*arguments, "--plan", "--json").out)
    assert plan["samples"] == 24 and plan["held_out"] == 4 and plan["tiles"] == 1
    assert plan["predicted_bytes"] > plan["parts"]["weights"] > 0
    assert not (tmp_path / "out").exists()


def test_a_plan_fits_eighty_columns(smolvlm, arguments, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, smolvlm(*arguments, "--plan").out.splitlines())) <= 80


def test_a_few_steps_on_the_receipts_bring_the_held_out_loss_down(smolvlm, arguments):
    for name in TRAIN:
        pytest.importorskip(name)
    few = ("--epochs", "2", "--batch-size", "4", "--learning-rate", "5e-3", "--answers", "0")
    told = smolvlm(*arguments, *few, "--json")
    first, last = json.loads(told.out)["held_out_loss"]
    assert last < first / 2


def test_a_run_leaves_an_adapter_a_model_and_a_report(smolvlm, arguments, tmp_path):
    for name in TRAIN:
        pytest.importorskip(name)
    told = smolvlm(*arguments, "--max-steps", "2", "--batch-size", "2", "--answers", "2")
    assert told.code == 0, told.err
    assert "held-out loss" in told.out and "exactly right 0.000" in told.out
    out = tmp_path / "out"
    for name in ("log.jsonl", "loss.png", "report.md", "report.json", "samples.png"):
        assert (out / name).stat().st_size > 0
    assert len((out / "log.jsonl").read_text().splitlines()) == 2
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    asked = ["ask", picture, "What is it?", "-m", "embedded", "--max-new-tokens", "2"]
    assert smolvlm(*asked, "--adapter", out / "adapter").code == 0
    assert smolvlm("ask", picture, "What is it?", "-m", out / "checkpoint").code == 0


def test_json_is_the_report_and_nothing_else(smolvlm, arguments):
    for name in TRAIN:
        pytest.importorskip(name)
    told = smolvlm(*arguments, "--max-steps", "1", "--answers", "1", "--json")
    found = json.loads(told.out)
    assert found["steps"] == 1 and set(found["scores"]) == {"before", "after"}


def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on(smolvlm, arguments, tmp_path):
    for name in TRAIN:
        pytest.importorskip(name)
    log = tmp_path / "out" / "log.jsonl"
    more = ["--epochs", "9", "--batch-size", "2", "--answers", "0", "--save-every", "999"]
    with start(*arguments, *more, env=environment(OMP_NUM_THREADS="1")) as process:
        while process.poll() is None and not (log.exists() and log.read_text().count("\n") >= 3):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err.decode()
    assert b"the same command goes on" in err
    learned = len(log.read_text().splitlines())
    told = smolvlm(*arguments, *more)
    assert told.code == 0, told.err
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == list(range(1, 109)) and learned >= 3
    assert "108 steps" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (["--format", "xml"], 2, "--format xml is no format"),
        (["--method", "qlora"], 2, "--method qlora"),
        (["--batch-size", "many"], 2, "'many' is no batch size"),
        (["--validation", "nowhere.jsonl"], 3, "no file at 'nowhere.jsonl'"),
        (["--validation", "1.5"], 2, "1.5"),
        (["--memory-budget", "100MB"], 4, "the memory budget is 100 MB"),
        (["--memory-budget", "lots"], 2, "'lots' is not an amount of memory"),
        (["--image-folder", "nowhere"], 2, "--image-folder nowhere is no folder"),
    ],
)
def test_a_wrong_option_is_one_line_before_anything_runs(smolvlm, arguments, wrong, code, said):
    told = smolvlm(*arguments, *wrong, "--plan")
    assert told.code == code, told.err
    (line,) = [line for line in told.err.splitlines() if line.startswith("error: ")]
    assert said in line and told.out == ""


def test_bad_rows_have_a_line_each_and_a_remedy_on_the_command_line(smolvlm, tmp_path):
    data = tmp_path / "train.jsonl"
    row = {"image": "missing.png", "question": "What?", "answer": "x"}
    data.write_text(f"{json.dumps(row)}\n" * 3)
    told = smolvlm("finetune", data, "-m", "embedded", "--out", tmp_path / "out", "--plan")
    assert told.code == 3
    lines = told.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        *(f"train.jsonl:{at}" for at in (1, 2, 3)),
        f"3 of 3 rows of {str(data)!r} cannot be learned from. No row is left",
    ]


def test_the_folder_to_write_to_may_not_be_a_file(smolvlm, arguments, tmp_path):
    (tmp_path / "out").write_text("")
    told = smolvlm(*arguments, "--plan")
    assert told.code == 2 and "is a file" in told.err
