"""Answers are kept, and the same run goes on from them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading

import pytest

from smolvlm_tools.errors import BadOptions, Busy
from smolvlm_tools.quality.evaluate import (
    DataWish,
    EvaluationOptions,
    evaluate,
)
from smolvlm_tools.quality.evaluate.kept import KeptAnswer, KeptAnswers
from tests.support.evaluating import labels, replies
from tests.support.paths import ROOT, SHAPES

KILLED = """
import os, signal, sys
from pathlib import Path
from smolvlm_tools import SmolVLM
from smolvlm_tools.quality.evaluate import EvaluationOptions, evaluate

def tick(done, total, errors):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

with SmolVLM.load("embedded", backend="onnx", precision="fp32") as vlm:
    evaluate(vlm, sys.argv[1], EvaluationOptions(concurrency=2), out=Path(sys.argv[2]), tick=tick)
"""


def test_a_killed_run_goes_on_where_it_was(vlm, mine, tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(mine), str(out)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(replies(out)) == 2
    with (out / "answers.jsonl").open("a") as file:
        file.write('{"number":5,"reply":"torn')
    seen = []
    report = evaluate(vlm, mine, out=out, tick=lambda *each: seen.append(each))
    assert seen == [(3, 6, 0), (4, 6, 0), (5, 6, 0), (6, 6, 0)], "two were known"
    assert report == evaluate(vlm, mine)
    assert evaluate(vlm, mine, out=out, tick=lambda *each: seen.append(each)) == report
    assert len(seen) == 4, "nothing is asked twice"


def test_what_failed_is_tried_again(scripted, tmp_path):
    engine, _ = scripted
    path = labels(tmp_path, [{"image": "late.png", "question": "?", "answer": "red"}])
    assert evaluate(engine, path, out=tmp_path / "out").errors == 1
    shutil.copy(SHAPES, tmp_path / "late.png")
    report = evaluate(engine, path, out=tmp_path / "out")
    assert (report.errors, report.score) == (0, 100)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limit": 2}, "limit"),
        ({"seed": 7}, "seed"),
        ({"max_new_tokens": 9}, "max_new_tokens"),
        ({"resolution": 1}, "resolution"),
    ],
)
def test_a_folder_with_answers_to_other_options_is_refused(change, named, scripted, mine, tmp_path):
    engine, _ = scripted
    evaluate(engine, mine, out=tmp_path / "out")
    before = (tmp_path / "out" / "answers.jsonl").read_bytes()
    with pytest.raises(BadOptions, match=f"of another {named}"):
        evaluate(engine, mine, EvaluationOptions(**change), out=tmp_path / "out")
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == before


def test_a_folder_of_another_model_metric_or_data_is_refused(scripted, vlm, mine, tmp_path):
    engine, _ = scripted
    out = tmp_path / "out"
    evaluate(engine, mine, out=out)
    with pytest.raises(BadOptions, match="of another model"):
        evaluate(vlm, mine, out=out)
    with pytest.raises(BadOptions, match="of another metric"):
        evaluate(engine, DataWish(str(mine), metric="anls"), out=out)
    mine.write_text(mine.read_text() + "\n")
    with pytest.raises(BadOptions, match="of another data"):
        evaluate(engine, mine, out=out)


@pytest.mark.parametrize("content", ["hello\n", "[1]\n", '{"version": 1}\nnothing\n'])
def test_a_file_that_is_not_of_an_evaluation_is_refused(content, tmp_path):
    (tmp_path / "answers.jsonl").write_text(content)
    with pytest.raises(BadOptions, match=r"no answers|damaged"):
        KeptAnswers(tmp_path, {})


def test_one_run_at_a_time_writes_to_a_folder(tmp_path):
    with KeptAnswers(tmp_path, {}) as kept:
        kept.put(KeptAnswer(number=0, reply="a\u2028b\n"))
        refused = []

        def try_it():
            with pytest.raises(Busy, match="another run"):
                KeptAnswers(tmp_path, {})
            refused.append(True)

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        assert refused
    with KeptAnswers(tmp_path, {}) as kept:
        assert kept.answers[0].reply == "a\u2028b\n"


def test_a_place_that_cannot_be_written_is_an_error_of_the_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadOptions, match="cannot be written"):
        KeptAnswers(tmp_path / "file", {})
