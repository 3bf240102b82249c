from __future__ import annotations

import base64
import io
import json
import re
from types import SimpleNamespace

import pytest
from PIL import Image

from smolvlm_tools import SmolVLM
from smolvlm_tools.cli.app import app
from tests.support.cli import REPLY, place_and_result
from tests.support.processes import environment, run

COMMANDS = [
    "describe",
    "ask",
    "transcribe",
    "extract",
    "chat",
    "view",
    "plan",
    "ingest",
    "tools",
    "evaluate",
    "finetune",
    "export",
    "quantize",
    "quality",
    "calibrate",
    "tune",
    "pull",
    "models",
    "doctor",
]


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(smolvlm, command):
    answer = smolvlm(command, "--help")
    assert answer.code == 0 and answer.err == ""
    assert f"Example: smolvlm {command}" in re.sub(r"\s+", " ", answer.out)
    assert smolvlm(command, "-h").out == answer.out


def test_the_commands_are_those_that_the_tests_know():
    assert [command.callback.__name__ for command in app.registered_commands] == COMMANDS


@pytest.mark.parametrize(
    ("words", "completed"),
    [("tr", "transcribe"), ("transcribe --res", "--resolution"), ("mcp --prel", "--preload")],
)
def test_shells_complete_commands_and_options(words, completed):
    line = f"smolvlm {words}"
    wanted = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    code, out, _ = run(env=environment(_SMOLVLM_COMPLETE="complete_bash", **wanted))
    assert code == 0 and completed in out.split()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_without_a_command_the_help_comes(smolvlm, arguments):
    answer = smolvlm(*arguments)
    assert answer.code == 0
    assert all(command in answer.out for command in COMMANDS)


def test_the_version_is_that_of_the_package(smolvlm):
    import smolvlm_tools

    assert smolvlm("--version").out == f"{smolvlm_tools.__version__}\n"


# Answers


def test_an_answer_is_printed_as_it_is_and_its_cost_goes_to_stderr(smolvlm, fake, picture):
    answer = smolvlm("describe", picture)
    assert (answer.code, answer.out) == (0, REPLY.strip() + "\n")
    assert re.search(r"^\d+ tiles, \d+ tokens in, \d+ out, .* fake", answer.err, re.M)


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_streaming_changes_when_words_come_not_which(smolvlm, fake, picture, stream):
    assert smolvlm("transcribe", picture, stream).out == REPLY.strip() + "\n"


def test_options_reach_the_model(smolvlm, fake, picture, monkeypatch):
    asked = []
    stream = SmolVLM.stream
    monkeypatch.setattr(
        SmolVLM,
        "stream",
        lambda *a, **options: asked.append((a[1], options)) or stream(*a, **options),
    )
    choice = ["-m", "500m", "--revision", "v1", "--backend", "torch", "--precision", "bf16"]
    more = ["--device", "cpu", "--offline", "-r", "3", "--max-new-tokens", "7"]
    more += ["--memory-budget", "900MB", "--adapter", "mine"]
    assert smolvlm("ask", picture, "What is it?", *choice, *more).code == 0
    assert fake == [
        {
            "name": "500m",
            "revision": "v1",
            "backend": "torch",
            "precision": "bf16",
            "device": "cpu",
            "local_files_only": True,
            "adapter": "mine",
            "memory_budget": "900MB",
            "calibration": None,
            "base_url": None,
        }
    ]
    ((messages, options),) = asked
    assert callable(options.pop("on_progress")) and options.pop("cancel")
    assert options == {"resolution": 3, "task": "ask", "max_new_tokens": 7}
    assert messages[0].content[1].text == "What is it?"


def test_the_model_can_be_named_by_the_environment(smolvlm, fake, picture, monkeypatch):
    monkeypatch.setenv("SMOLVLM_MODEL", "2.2b")
    smolvlm("describe", picture)
    smolvlm("describe", picture, "--model", "500m")
    assert [load["name"] for load in fake] == ["2.2b", "500m"]


def test_json_is_one_result_for_one_image(smolvlm, fake, picture):
    answer = smolvlm("describe", picture, "--json")
    place, result = place_and_result(json.loads(answer.out))
    assert place == (str(picture), 1, 1)
    assert (result.text, answer.code, answer.err) == (REPLY.strip(), 0, "")
    assert "€" in answer.out


def test_json_is_a_list_for_several_images(smolvlm, fake, picture):
    answer = smolvlm("ask", picture, picture, "What is it?", "--json")
    results = [place_and_result(entry)[1] for entry in json.loads(answer.out)]
    assert [result.text for result in results] == [REPLY.strip()] * 2


def test_several_images_are_headed_by_their_names(smolvlm, fake, picture):
    answer = smolvlm("describe", picture, picture)
    assert answer.out == f"{picture}:\n{REPLY.strip()}\n" * 2


def test_flags_are_explained_on_stderr(smolvlm, fake, tmp_path):
    blank = tmp_path / "blank.png"
    Image.new("RGB", (40, 40), "white").save(blank)
    answer = smolvlm("describe", blank, "--max-new-tokens", "2", "--json")
    assert json.loads(answer.out)["flags"] == ["truncated", "blank_image"]
    assert "--max-new-tokens" in answer.err and "blank" in answer.err


def test_a_dash_reads_standard_input(smolvlm, fake, picture, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(picture.read_bytes())))
    assert smolvlm("describe", "-").out == REPLY.strip() + "\n"


def test_a_data_uri_is_an_image(smolvlm, fake, picture):
    payload = base64.b64encode(picture.read_bytes()).decode()
    assert smolvlm("describe", f"data:image/png;base64,{payload}").code == 0


def test_a_name_may_begin_with_a_dash_and_hold_markup(smolvlm, fake, picture, monkeypatch):
    monkeypatch.chdir(picture.parent)
    for name in ("-picture.png", "[red]picture[bold].png"):
        (picture.parent / name).write_bytes(picture.read_bytes())
        assert smolvlm("describe", "--", name, name).out.startswith(f"{name}:\nEin")
