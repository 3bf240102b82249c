"""--verbose tells on stderr what is done; stdout is the same with it and without."""

from __future__ import annotations

import json
import logging

import pytest

from smolvlm_tools.cli import logs
from tests.support.paths import ROOT

SHAPES = str(ROOT / "examples" / "images" / "shapes.png")
DESCRIBE = ["describe", SHAPES, "--model", "embedded"]


@pytest.fixture(autouse=True)
def untuned(monkeypatch, tmp_path):
    from smolvlm_tools.backends.tuning import kept

    monkeypatch.setattr(kept, "folder", lambda: tmp_path)


def test_the_log_is_on_stderr_and_the_answer_is_the_same(smolvlm):
    plain, verbose = smolvlm(*DESCRIBE), smolvlm(*DESCRIBE, "--verbose")
    assert (plain.code, verbose.code) == (0, 0)
    assert verbose.out == plain.out
    told = ["smolvlm-embedded is in", "backend onnx on cpu: the default", "precision int8"]
    told += ["weights were loaded in", "5 tiles (0 from the cache)", "prefill"]
    assert all(words in verbose.err for words in told)
    assert not any(words in plain.err for words in told)


def test_json_is_json_with_it(smolvlm, picture):
    plain = smolvlm("view", *DESCRIBE[1:], "--out", picture, "--json")
    verbose = smolvlm("-v", "view", *DESCRIBE[1:], "--out", picture, "--json")
    assert verbose.out == plain.out and json.loads(plain.out)
    assert "smolvlm-embedded is in" in verbose.err and plain.err == ""


@pytest.mark.parametrize(
    ("before", "behind"),
    [([], []), (["-v"], []), ([], ["--verbose"]), (["-vv"], []), (["--verbose"], ["-vv"])],
)
def test_it_goes_before_the_command_and_behind_it(smolvlm, before, behind):
    err = smolvlm(*before, "models", *behind).err
    assert err == "", "models has nothing to tell"
    err = smolvlm(*before, "view", SHAPES, "--model", "embedded", "--out", "no.gif", *behind).err
    assert err.startswith("error: ")
    err = smolvlm(*before, "plan", SHAPES, "--model", "embedded", *behind).err
    assert ("is in" in err) == bool(before or behind)


def test_twice_tells_every_step_and_hits_of_the_cache(smolvlm):
    err = smolvlm(*DESCRIBE, SHAPES, "-vv").err
    assert "an image of 320x240 pixels: 5 tiles" in err
    assert "5 tiles (5 from the cache)" in err


def test_nothing_that_was_said_or_shown_is_logged(smolvlm, caplog):
    question = "What color is the circle, Mr. Smith?"
    answer = smolvlm("ask", SHAPES, question, "--model", "embedded", "-vv")
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "Smith" not in answer.err + logged
    assert not any(answer.out.strip() == record.getMessage() for record in caplog.records)


def test_the_log_is_left_as_it_was(smolvlm):
    logger = logging.getLogger("smolvlm_tools")
    before = (logger.level, list(logger.handlers))
    smolvlm("models", "-vv")
    assert (logger.level, list(logger.handlers)) == before
    assert logs._HANDLER not in logger.handlers


def test_a_line_of_the_log_cannot_control_the_terminal(smolvlm, capsys):
    logs.show_logs(1)
    logging.getLogger("smolvlm_tools.x").info("a\x1b[2Jb\nc")
    logs.hide_logs()
    assert "\x1b" not in (err := capsys.readouterr().err) and err.count("\n") == 1
