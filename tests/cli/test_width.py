"""Eighty columns hold every table and every help, and nothing is cut."""

from __future__ import annotations

import json
import re

import pytest
from rich.cells import cell_len

from smolvlm_tools.backends.tuning import kept
from tests.cli.test_commands import COMMANDS
from tests.support.paths import ROOT

IMAGES = ["examples/images/shapes.png", "examples/images/receipt.png"]


@pytest.fixture(autouse=True)
def narrow(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "tuning")


def assert_fits(text: str, *words: str) -> None:
    assert max(map(cell_len, text.splitlines())) <= 80
    assert not re.search(r"\w…|…\s*│", text), "something is cut"
    together = re.sub(r"[\s│┃]+", "", text)
    assert all(word in together for word in words)


@pytest.mark.parametrize("command", [[], *([each] for each in COMMANDS), ["mcp"]])
def test_the_help_fits(smolvlm, command):
    if command == ["mcp"]:
        pytest.importorskip("mcp")
    answer = smolvlm(*command, "--help")
    assert answer.code == 0
    assert max(map(cell_len, answer.out.splitlines())) <= 80
    assert not re.search(r"[\w./=-]…", answer.out), "something is cut"


def test_the_models_fit(smolvlm):
    found = json.loads(smolvlm("models", "--json").out)
    assert_fits(smolvlm("models").out, *(model["id"] for model in found))


def test_the_doctor_fits(smolvlm):
    found = json.loads(smolvlm("doctor", "--json").out)
    assert_fits(smolvlm("doctor").out, *(check["backend"] for check in found["backends"]))
    verified = smolvlm("doctor", "--verify", "embedded").out
    assert max(map(cell_len, verified.splitlines())) <= 80


def test_a_plan_fits_with_and_without_seconds(smolvlm):
    plan = smolvlm("plan", *IMAGES, "--model", "embedded").out
    assert_fits(plan, "prefill", "measured", "256x128", "seconds")
    assert smolvlm("tune", "embedded", "--rounds", "1").code == 0
    assert_fits(smolvlm("plan", IMAGES[0], "--model", "embedded").out, "estimated")


def test_what_tune_measures_fits(smolvlm):
    assert_fits(smolvlm("tune", "embedded", "--rounds", "1").out, "onnx", "int8", "tok/s")


def test_quality_fits(smolvlm, few_tasks):
    short = ("--positions", "8", "--tasks", few_tasks)
    out = smolvlm("quality", "embedded", "--precision", "int8", *short).out
    assert_fits(out, "perplexity", "decoder", "sametokens", "notjudged")


def test_what_a_view_says_fits(smolvlm, tmp_path):
    out = smolvlm("view", IMAGES[0], "--out", tmp_path / "view.png", "--model", "embedded").out
    words = [line for line in out.splitlines() if str(tmp_path) not in line]
    assert all(cell_len(line) <= 80 for line in words), "a path is never broken"
