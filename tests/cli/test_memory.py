"""What the command says of memory: in a plan, before loading, and for a single image."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from PIL import Image

from tests.support.paths import ROOT


@pytest.fixture
def smolvlm():
    """Run the command in a process of its own, whose memory is the command's: code, out, err."""

    def call(*arguments):
        command = [sys.executable, "-m", "smolvlm_tools", *map(str, arguments)]
        done = subprocess.run(
            [*command, "--model", "embedded"], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (300, 200), "red").save(path)
    return path


def test_a_plan_has_bytes_by_part_and_by_stage(smolvlm, picture):
    code, out, _ = smolvlm("plan", picture)
    assert code == 0
    for word in ("decoder weights", "KV", "vision activations", "prefill", "margin"):
        assert word in out
    assert re.search(r"^\d+ MB: smolvlm-embedded, onnx int8 on cpu", out, re.M)


def test_a_plan_in_json_is_the_load_plan(smolvlm, picture):
    code, out, _ = smolvlm("plan", picture, "--json", "--memory-budget", "1GB", "--batch", "4")
    plan = json.loads(out)
    memory = plan["memory"]
    assert code == 0
    assert plan["predicted_bytes"] == memory["predicted_bytes"] == max(memory["stages"].values())
    assert (memory["budget_bytes"], memory["batch"]) == (10**9, 4)


def test_a_plan_says_what_a_budget_costs(smolvlm, picture):
    _, out, _ = smolvlm("plan", picture, "--json")
    budget = json.loads(out)["predicted_bytes"] + 20_000_000
    code, out, _ = smolvlm("plan", picture, "--memory-budget", budget)
    assert code == 0
    assert "given up for the budget: caches: 160 MB ->" in out


@pytest.mark.parametrize("command", [["plan"], ["describe"], ["transcribe", "--json"]])
def test_a_budget_that_is_too_small_is_answered_with_one_that_works(smolvlm, picture, command):
    code, out, err = smolvlm(*command, picture, picture, "--memory-budget", "2MB")
    assert (code, out) == (4, "")
    assert err.count("\n") == 1, "one line, not one for each image"
    (needed,) = re.findall(r"Use a memory budget of (\d+ MB)", err)
    assert smolvlm("plan", picture, "--memory-budget", needed)[0] == 0


def test_what_is_no_amount_is_a_usage_error(smolvlm, picture):
    for command in ("plan", "describe"):
        code, _, err = smolvlm(command, picture, "--memory-budget", "lots")
        assert code == 2
        assert "'lots' is not an amount of memory" in err


def test_an_image_that_takes_too_much_does_not_keep_the_others_from_their_answer(
    smolvlm, picture, tmp_path
):
    large = tmp_path / "large.png"
    Image.new("L", (6000, 6000)).save(large)
    _, out, _ = smolvlm("plan", picture, "--json")
    budget = json.loads(out)["predicted_bytes"] + 60_000_000
    code, out, err = smolvlm(
        *("describe", large, picture, "--json", "--memory-budget", budget, "--max-new-tokens", "3")
    )
    refused, answered = json.loads(out)
    assert code == 3
    assert refused["error"]["code"] == "out_of_memory_budget"
    assert "6000x6000 pixels" in err
    assert answered["usage"]["peak_bytes"] <= budget
