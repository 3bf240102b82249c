from __future__ import annotations

import base64
import io
import json
import re
import warnings
from types import SimpleNamespace

import pytest
from PIL import Image, ImageDraw

from smolvlm_tools import SmolVLM, VisionResult, open_checkpoint
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.cli.app import app
from smolvlm_tools.cli.run import run

REPLY = "Ein [bold]rotes[/bold] Quadrat: ~50 €, sehr [red]lang[/] und ohne Umbruch " * 3
COMMANDS = [
    "describe",
    "ask",
    "transcribe",
    "extract",
    "plan",
    "tools",
    "export",
    "quantize",
    "quality",
    "models",
    "doctor",
]


@pytest.fixture
def smolvlm(capsys):
    """Run the command in this process: exit code, stdout and stderr."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def fake(tiny_a, monkeypatch):
    """Every model loads as a fake that says `REPLY`; returns the keywords of each load."""
    loads = []

    def load(name, **options):
        loads.append({"name": name, **options})
        checkpoint = open_checkpoint(tiny_a)
        return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, " " + REPLY))

    monkeypatch.setattr(SmolVLM, "load", load)
    return loads


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    image = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(image).rectangle((5, 5, 25, 25), fill="red")
    image.save(path)
    return path


def only_line(text: str) -> str:
    assert text.endswith("\n") and text.count("\n") == 1, text
    return text[:-1]


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(smolvlm, command):
    answer = smolvlm(command, "--help")
    assert answer.code == 0 and answer.err == ""
    assert f"Example: smolvlm {command}" in re.sub(r"\s+", " ", answer.out)
    assert smolvlm(command, "-h").out == answer.out


def test_the_commands_are_those_that_the_tests_know():
    assert [command.callback.__name__ for command in app.registered_commands] == COMMANDS


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
        }
    ]
    ((messages, options),) = asked
    assert options == {"resolution": 3, "task": "ask", "max_new_tokens": 7}
    assert messages[0].content[1].text == "What is it?"


def test_the_model_can_be_named_by_the_environment(smolvlm, fake, picture, monkeypatch):
    monkeypatch.setenv("SMOLVLM_MODEL", "2.2b")
    smolvlm("describe", picture)
    smolvlm("describe", picture, "--model", "500m")
    assert [load["name"] for load in fake] == ["2.2b", "500m"]


def test_json_is_one_result_for_one_image(smolvlm, fake, picture):
    answer = smolvlm("describe", picture, "--json")
    result = VisionResult.model_validate(json.loads(answer.out))
    assert (result.text, answer.code, answer.err) == (REPLY.strip(), 0, "")
    assert "€" in answer.out


def test_json_is_a_list_for_several_images(smolvlm, fake, picture):
    answer = smolvlm("ask", picture, picture, "What is it?", "--json")
    results = [VisionResult.model_validate(entry) for entry in json.loads(answer.out)]
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


# Failures


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


def broken_images(folder):
    (folder / "text.png").write_text("no image")
    (folder / "empty.png").touch()
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(whole, "JPEG")
    (folder / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "folder").mkdir()
    return [folder / name for name in ("text.png", "empty.png", "cut.jpg", "folder", "missing.png")]


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


# The other commands


def test_a_plan_needs_no_weights(smolvlm, tiny_a, picture, tmp_path):
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_a / name).read_bytes())
    answer = smolvlm("plan", picture, "--model", tmp_path, "--json")
    plan = json.loads(answer.out)
    assert (answer.code, plan["tiles"], plan["image_tokens"]) == (0, 5, 80)
    assert plan["images"][0]["resized_width"] == plan["images"][0]["resized_height"] == 64

    missing = tmp_path / "missing.png"
    answer = smolvlm("plan", picture, missing, "--model", tmp_path, "-r", "1", "--json")
    plan, error = json.loads(answer.out)
    assert (answer.code, plan["tiles"], error["error"]["code"]) == (3, 1, "image_not_found")

    answer = smolvlm("plan", picture, missing, picture, "--model", tmp_path)
    assert answer.code == 3 and answer.out.count(str(picture)) == 2


def test_the_models_are_listed_with_their_ids(smolvlm, monkeypatch, tmp_path):
    from smolvlm_tools import ALIASES

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    infos = json.loads(smolvlm("models", "--json").out)
    assert {info["alias"]: info["id"] for info in infos} == ALIASES
    assert not any(info["cached"] for info in infos if info["alias"] != "embedded")
    table = smolvlm("models").out
    assert all(alias in table and hub_id in table for alias, hub_id in ALIASES.items())


def test_the_doctor_says_what_works_and_what_to_install(smolvlm, monkeypatch):
    from smolvlm_tools.cli import machine

    monkeypatch.setattr(machine, "installed", lambda *names: names == ("onnxruntime",))
    answer = smolvlm("doctor", "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert {check["backend"]: check["works"] for check in report["backends"]} == {
        "onnx": True,
        "openvino": False,
        "torch": False,
    }
    assert report["missing"]["the torch backend"] == "pip install 'smolvlm-tools[torch]'"
    assert "smolvlm export" in report["missing"]
    text = smolvlm("doctor").out
    assert "pip install 'smolvlm-tools[torch]'" in text and "onnx: works" in text


def test_the_doctor_exits_with_4_when_nothing_works(smolvlm, monkeypatch):
    from smolvlm_tools.cli import machine

    monkeypatch.setattr(machine, "installed", lambda *names: False)
    answer = smolvlm("doctor")
    assert answer.code == 4 and "pip install onnxruntime" in answer.out


def test_the_doctor_tries_the_backends_with_the_embedded_checkpoint(smolvlm, embedded):
    report = json.loads(smolvlm("doctor", "--json").out)
    assert [check["works"] for check in report["backends"]] == [True, True, True]
    assert all(check["detail"].endswith(" s") for check in report["backends"])


def test_an_export_is_checked_and_its_exactness_printed(smolvlm, tiny_a, tmp_path, picture):
    answer = smolvlm("export", tiny_a, "--out", tmp_path / "out", "--precision", "fp32, q4")
    assert answer.code == 0
    assert "writing vision_encoder (q4)" in answer.err and "torch" in answer.err
    assert re.search(r"decoder_model_merged.*fp32.*e-0", answer.out)
    assert "fp32: 9 of 9 greedy tokens" in answer.out
    assert "onnx/embed_tokens_q4.onnx" in answer.out
    few = ["--max-new-tokens", "2", "--json"]
    answer = smolvlm("ask", picture, "Hm?", "-m", tmp_path / "out", "--precision", "q4", *few)
    assert (answer.code, json.loads(answer.out)["precision"]) == (0, "q4")


def test_export_says_what_is_missing(smolvlm, tiny_a, tmp_path, monkeypatch):
    import smolvlm_tools.export.reference as reference

    monkeypatch.setattr(reference, "find_spec", lambda name: None if name == "onnx" else name)
    answer = smolvlm("export", tiny_a, "--out", tmp_path)
    assert answer.code == 4
    assert "onnx" in answer.err and "smolvlm-tools[export]" in only_line(answer.err)


# The embedded checkpoint


def test_the_embedded_checkpoint_sees_the_example_images(smolvlm, embedded):
    images = "examples/images"
    answer = smolvlm("ask", f"{images}/shapes.png", "What color is the circle?", "-m", embedded)
    assert answer.out == "red\n"
    answer = smolvlm("describe", f"{images}/shapes.png", "-m", embedded)
    assert "large red circle at the top left" in answer.out and "green triangle" in answer.out
    answer = smolvlm("transcribe", f"{images}/receipt.png", "-m", embedded)
    assert answer.code == 0 and answer.out.strip()


@pytest.mark.timeout(30)
def test_the_embedded_checkpoint_answers_broken_files(smolvlm, embedded, tmp_path):
    for path in broken_images(tmp_path):
        assert smolvlm("describe", path, "--model", embedded).code == 3
    dot = tmp_path / "dot.png"
    Image.new("RGB", (1, 1)).save(dot)
    answer = smolvlm("describe", dot, "--model", embedded, "--json")
    assert answer.code == 0 and "blank_image" in json.loads(answer.out)["flags"]
