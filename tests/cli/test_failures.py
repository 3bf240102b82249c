"""What goes wrong is told in one line, and the exit code says whose fault it is."""

from __future__ import annotations

import json
import warnings

import pytest

from smolvlm_tools import SmolVLM
from tests.support.cli import REPLY, broken_images, only_line


@pytest.mark.parametrize(
    "arguments",
    [
        ["describe", "IMAGE", "--colour"],
        ["describe"],
        ["ask", "IMAGE"],
        ["sing", "IMAGE"],
        ["describe", "IMAGE", "--max-new-tokens", "0"],
        ["describe", "IMAGE", "--max-new-tokens", "many"],
        ["describe", "IMAGE", "--precision", "fp33"],
        ["describe", "IMAGE", "--backend", "tensorflow"],
        ["describe", "IMAGE", "--device", "tpu"],
        ["describe", "IMAGE", "--resolution", "huge"],
        ["describe", "IMAGE", "--resolution", "0"],
        ["describe", "IMAGE", "missing.png", "--resolution", "100000"],
        ["describe", "IMAGE", "--backend", "onnx", "--precision", "bf16"],
        ["describe", "IMAGE", "--json", "--stream"],
        ["describe", "-", "-"],
        ["plan", "IMAGE", "--resolution", "huge"],
        ["plan", "IMAGE", "--task", "sing"],
        ["export", "CHECKPOINT", "--out", "out", "--precision", "fp33"],
        ["export", "CHECKPOINT", "--out", "out", "--precision", ","],
        ["export", "CHECKPOINT"],
    ],
    ids=" ".join,
)
def test_misuse_exits_with_2_and_one_line(smolvlm, tiny_onnx, picture, monkeypatch, arguments):
    monkeypatch.setenv("SMOLVLM_MODEL", str(tiny_onnx))
    names = {"IMAGE": str(picture), "CHECKPOINT": str(tiny_onnx)}
    answer = smolvlm(*(names.get(argument, argument) for argument in arguments))
    assert (answer.code, answer.out) == (2, "")
    assert only_line(answer.err).startswith("error: ")


def test_a_broken_image_exits_with_3_and_one_line_and_loads_no_model(smolvlm, fake, tmp_path):
    for path in broken_images(tmp_path):
        answer = smolvlm("describe", path)
        assert (answer.code, answer.out) == (3, "")
        line = only_line(answer.err)
        assert line.startswith("error: ") and path.name in line
    assert fake == []


def test_a_broken_image_in_json_is_an_entry_with_its_reason(smolvlm, fake, tmp_path):
    answer = smolvlm("describe", tmp_path / "missing.png", "--json")
    entry = json.loads(answer.out)
    assert answer.code == 3 and entry["image"] == str(tmp_path / "missing.png")
    assert entry["error"]["code"] == "image_not_found"
    assert set(entry["error"]) == {"code", "reason", "remedy"}
    assert only_line(answer.err) == f"error: {entry['error']['reason']}. Check the path."


@pytest.mark.parametrize("broken_at", [0, 1, 2])
def test_one_broken_image_keeps_no_other_from_its_answer(
    smolvlm, fake, picture, tmp_path, broken_at
):
    images = [picture, picture]
    images.insert(broken_at, tmp_path / "missing.png")
    answer = smolvlm("describe", *images, "--json")
    entries = json.loads(answer.out)
    assert (answer.code, len(fake)) == (3, 1)
    assert [i for i, entry in enumerate(entries) if "error" in entry] == [broken_at]
    assert sum(entry.get("text") == REPLY.strip() for entry in entries) == 2

    answer = smolvlm("describe", *images)
    assert answer.code == 3 and answer.out == f"{picture}:\n{REPLY.strip()}\n" * 2
    assert len([line for line in answer.err.splitlines() if line.startswith("error: ")]) == 1


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_exits_with_3(smolvlm, fake, picture, question):
    answer = smolvlm("ask", picture, picture, question)
    assert (answer.code, answer.out) == (3, "")
    assert "question is empty" in only_line(answer.err)


def test_a_model_that_cannot_be_had_exits_with_4(smolvlm, picture, tmp_path, tiny_onnx):
    (tmp_path / "empty").mkdir()
    for choice in (
        ["--model", "257m"],
        ["--model", tmp_path / "none"],
        ["--model", tmp_path / "empty"],
        ["--model", tiny_onnx, "--backend", "torch"],
        ["--model", tiny_onnx, "--precision", "q4"],
        ["--model", tiny_onnx, "--device", "cuda:63"],
    ):
        answer = smolvlm("describe", picture, *choice)
        assert (answer.code, answer.out) == (4, ""), choice
        assert only_line(answer.err).startswith("error: ")
    assert "256m" in smolvlm("describe", picture, "--model", "257m").err


def test_an_error_is_neither_wrapped_nor_styled_nor_stripped_of_brackets(smolvlm, fake):
    name = "[red]" + "long " * 30 + "[/red]\x1b[31m.png"
    line = only_line(smolvlm("describe", name).err)
    assert "[red]long long" in line and "[/red]" in line and "\x1b" not in line


def test_warnings_of_pillow_stay_off_stderr_and_others_do_not(smolvlm, fake, picture, monkeypatch):
    stream = SmolVLM.stream

    def warn(*arguments, **options):
        for module in ("PIL.Image", "numpy"):
            warnings.warn_explicit("careful", UserWarning, "x.py", 1, module)
        return stream(*arguments, **options)

    monkeypatch.setattr(SmolVLM, "stream", warn)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert smolvlm("describe", picture).code == 0
    assert len(caught) == 1
