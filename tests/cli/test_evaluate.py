"""`smolvlm evaluate` on the embedded checkpoint, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from smolvlm_tools.quality.evaluate import BENCHMARKS, EvaluationReport
from tests.support.benchmark_files import write_table
from tests.support.cli import only_line
from tests.support.paths import SHAPES
from tests.support.processes import run, start

ENGINE = ("--backend", "onnx", "--precision", "fp32")


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "labels.jsonl"
    lines = [
        {
            "image": str(SHAPES),
            "question": "What color is the circle?",
            "answer": ["red", "crimson"],
        },
        {"image": str(SHAPES), "question": "How many shapes are there?", "answer": 3},
        {"image": "missing.png", "question": "What is it?", "answer": "a cat"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_scores_are_printed_and_written(smolvlm, mine, tmp_path, embedded):
    out = tmp_path / "out"
    answer = smolvlm("evaluate", embedded, "--task", mine, "--out", out, *ENGINE)
    assert answer.code == 0
    assert "66.7" in answer.out and "1 samples could not be asked about" in answer.out
    assert "image_not_found" in answer.out and "report.json" in answer.err
    assert {"report.json", "report.md", "report.png", "worst.png"} <= {
        path.name for path in out.iterdir()
    }


def test_json_is_the_report(smolvlm, mine, tmp_path, embedded):
    answer = smolvlm("evaluate", embedded, "--task", mine, "--out", tmp_path, "--json", *ENGINE)
    report = EvaluationReport.model_validate_json(answer.out)
    assert (report.samples, report.errors) == (3, 1)
    assert report == EvaluationReport.model_validate_json((tmp_path / "report.json").read_text())


def test_a_benchmark_says_where_it_departs_from_the_cards_harness(smolvlm, tmp_path, embedded):
    table = write_table(tmp_path, "mmstar")
    folder = tmp_path / "out"
    given = ("--task", "mmstar", "--data", table, "--out", folder, "-r", "auto")
    answer = smolvlm("evaluate", embedded, *given, *ENGINE)
    assert answer.code == 0
    assert "no judge" in answer.out and "computes in fp32" in answer.out


def test_the_help_names_every_benchmark(smolvlm):
    said = re.sub(r"[\s│]+", "", smolvlm("evaluate", "--help").out)
    assert all(name in said for name in BENCHMARKS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--task", "docvq"],
        ["--task", "MINE", "--metric", "bleu"],
        ["--task", "MINE", "--metric", "choice"],
        ["--task", "MINE", "--limit", "0"],
        ["--task", "MINE", "--concurrency", "0"],
        ["--task", "MINE", "--answer-column", "label"],
        ["--task", "MINE", "--resolution", "huge"],
        ["--task", "MINE", "--data", "MINE"],
        ["--task", "docvqa", "--metric", "exact"],
        ["--task", "docvqa", "--data", "missing.tsv"],
        ["--task", "MINE", "--backend", "tensorflow"],
        [],
    ],
    ids=" ".join,
)
def test_misuse_exits_with_2_and_one_line_before_a_model_is_loaded(smolvlm, fake, mine, arguments):
    names = {"MINE": str(mine)}
    answer = smolvlm("evaluate", "embedded", *(names.get(each, each) for each in arguments))
    assert (answer.code, answer.out, fake) == (2, "", [])
    assert only_line(answer.err).startswith("error: ")


def test_a_table_that_is_not_here_offline_exits_with_3(smolvlm, fake, tmp_path, monkeypatch):
    from smolvlm_tools.quality.evaluate import fetching

    monkeypatch.setattr(fetching, "folder", lambda: tmp_path)
    answer = smolvlm("evaluate", "embedded", "--task", "docvqa", "--offline")
    assert (answer.code, fake) == (3, [])
    assert "--offline" in only_line(answer.err)


SLOW = """
import time
from smolvlm_tools import SmolVLM, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
class Slow(FakeBackend):
    def forward(self, *arguments):
        time.sleep(0.05)
        return super().forward(*arguments)
def load(name, **options):
    checkpoint = open_checkpoint(name)
    return SmolVLM(checkpoint, Slow.saying(checkpoint, " red"), batch_size=options["batch_size"])
SmolVLM.load = load
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_run_that_is_stopped_goes_on_by_the_same_command(number, code, tiny_a, tmp_path):
    lines = [{"image": str(SHAPES), "question": f"{n}?", "answer": "red"} for n in range(40)]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    out = tmp_path / "out"
    command = ("evaluate", tiny_a, "--task", tmp_path / "labels.jsonl", "--out", out, "--json")
    kept = out / "answers.jsonl"
    with start(*command, before=SLOW) as process:
        while not (kept.exists() and kept.read_bytes().count(b"\n") > 3):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    if number == signal.SIGINT:
        assert b"the same command goes on" in err
    before = kept.read_text().rpartition("\n")[0]
    code, printed, err = run(*command, before=SLOW)
    assert code == 0, err
    report = EvaluationReport.model_validate_json(printed)
    assert (report.samples, report.score) == (40, 100)
    after = kept.read_text()
    assert after.startswith(before) and after.count("\n") == 41, "each is asked once"
