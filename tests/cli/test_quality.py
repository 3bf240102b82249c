"""`smolvlm quality` over real engines: the embedded checkpoint and tiny random ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import onnx
import pytest

from smolvlm_tools import open_checkpoint
from smolvlm_tools.checkpoint.aliases import EMBEDDED_FOLDER
from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.cli.quality import PAST_BOUND, parse_precisions
from smolvlm_tools.cli.run import run
from smolvlm_tools.errors import BadPrompt
from smolvlm_tools.quality import measure_quality
from smolvlm_tools.quality.tasks import FILE, SHIPPED

FAST = ("--positions", "24", "--json")


@pytest.fixture
def quality(capsys):
    """Run the command: exit code, what it printed, and the JSON of it where it is some."""

    def call(*arguments):
        code = run(["quality", *map(str, arguments)])
        captured = capsys.readouterr()
        found = json.loads(captured.out) if "--json" in arguments and captured.out else None
        return SimpleNamespace(code=code, out=captured.out, err=captured.err, found=found)

    return call


def test_fp32_against_itself_differs_in_nothing(quality, tiny_onnx):
    answer = quality(tiny_onnx, "--precision", "fp32", "--backend", "onnx", *FAST)
    assert answer.code == 0
    (engine,) = answer.found["engines"]
    assert engine["reference"] == "onnx fp32"
    assert [part["component"] for part in engine["components"]] == [
        "vision",
        "embed",
        "decoder",
        "all",
    ]
    for part in engine["components"]:
        assert (part["error"] or 0, part["logit_error"], part["mean_kl"]) == (0, 0, 0)
    for text in engine["texts"]:
        found = text["divergence"]
        assert (found["max_kl"], found["perplexity_rise"], found["same_top"]) == (0, 0, 1)
        assert text["same_tokens"] == text["reply_tokens"]
    assert engine["within_bounds"] is True


@pytest.fixture
def every_fifth_task(tmp_path):
    """A folder with a fifth of the shipped tasks."""
    lines = (SHIPPED / FILE).read_text(encoding="utf-8").splitlines()[::5]
    for line in lines:
        name = json.loads(line)["image"]
        shutil.copyfile(SHIPPED / name, tmp_path / name)
    (tmp_path / FILE).write_text("\n".join(lines), encoding="utf-8")
    return tmp_path, len(lines)


def test_embedded_int8_is_within_all_bounds(quality, embedded, every_fifth_task):
    folder, count = every_fifth_task
    options = ("--backend", "onnx", "--tasks", folder)
    answer = quality(embedded, "--precision", "int8", *options, *FAST)
    assert answer.code == 0, answer.out
    (engine,) = answer.found["engines"]
    assert {task["task"] for task in engine["tasks"]} == {"ask", "describe", "transcribe"}
    error = {part["component"]: part["error"] for part in engine["components"]}
    assert 0 < error["vision"] < 0.05
    assert f"onnx int8: {count} tasks" in answer.err


@pytest.mark.slow
def test_the_shipped_tasks_are_scored_without_another_option(quality, embedded):
    answer = quality(embedded, "--precision", "int8", "--backend", "onnx", *FAST)
    assert answer.code == 0, answer.out
    scores = {task["task"]: task for task in answer.found["engines"][0]["tasks"]}
    assert scores["ask"]["reference"] > 0.8
    assert scores["describe"]["score"] > 0.7
    assert sum(task["samples"] for task in scores.values()) == 108


@pytest.fixture
def badly_quantized(embedded, tmp_path):
    """The embedded checkpoint with an int8 decoder whose widest matrix lies back to front."""
    folder = tmp_path / "bad"
    ignore = shutil.ignore_patterns("*.safetensors", MANIFEST)
    shutil.copytree(EMBEDDED_FOLDER, folder, ignore=ignore)
    path = folder / "onnx" / "decoder_model_merged_int8.onnx"
    graph = onnx.load(path)
    bytes_wide = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    weights = [each for each in graph.graph.initializer if each.data_type in bytes_wide]
    widest = max(weights, key=lambda each: len(each.raw_data))
    widest.raw_data = widest.raw_data[::-1]
    onnx.save(graph, path)
    return folder


def test_a_bad_quantization_ends_with_its_own_exit_code_and_names_what_is_broken(
    quality, badly_quantized, few_tasks
):
    options = ("--backend", "onnx", "--parts", "images", "--tasks", few_tasks)
    answer = quality(badly_quantized, "--precision", "fp32,int8", *options)
    assert answer.code == PAST_BOUND == 5
    fp32, int8 = answer.out.splitlines()[-2:]
    assert fp32 == "onnx fp32 against onnx fp32: within all bounds"
    assert int8.startswith("onnx int8 against onnx fp32: mean KL of image prompts ")
    assert int8.endswith(" > 0.01")
    assert "past" in answer.out


def test_bounds_can_be_set(quality, embedded, few_tasks):
    options = ("--backend", "onnx", "--parts", "images", "--tasks", few_tasks, "--json")
    answer = quality(embedded, "--precision", "int8", *options, "--max-kl", "1e-9")
    assert answer.code == PAST_BOUND
    assert answer.found["bounds"]["kl"] == 1e-9
    assert answer.found["within_bounds"] is False


def test_a_mixed_precision_shows_which_component_errs(quality, embedded, few_tasks):
    mixed = "vision=int8,embed=fp32,decoder=fp32"
    options = ("--backend", "onnx", "--parts", "images", "--tasks", few_tasks, "--json")
    (engine,) = quality(embedded, "--precision", mixed, *options).found["engines"]
    vision, embed, decoder, whole = engine["components"]
    assert engine["precision"] == mixed
    assert vision["error"] > 0
    assert vision["mean_kl"] == pytest.approx(whole["mean_kl"], rel=1e-3)
    assert embed["error"] == decoder["logit_error"] == 0


def test_another_backend_can_be_the_reference(quality, embedded, few_tasks):
    options = ("--backend", "torch", "--parts", "images", "--tasks", few_tasks, "--json")
    answer = quality(embedded, "--precision", "fp32", "--reference", "onnx:fp32", *options)
    (engine,) = answer.found["engines"]
    assert (engine["backend"], engine["reference"]) == ("torch", "onnx fp32")
    assert all(part["logit_error"] < 1e-4 for part in engine["components"])
    assert answer.code == 0


def test_own_tasks_are_scored_on_any_checkpoint(quality, embedded, few_tasks):
    answer = quality(
        *(embedded, "--precision", "fp32", "--backend", "onnx", "--tasks", few_tasks),
        *("--parts", "images,tasks", *FAST),
    )
    (engine,) = answer.found["engines"]
    assert [(task["task"], task["samples"]) for task in engine["tasks"]] == [
        ("ask", 1),
        ("describe", 1),
    ]
    assert engine["tasks"][0]["score"] == 1


def test_an_image_outside_the_task_folder_is_not_opened(quality, embedded, few_tasks):
    inner = few_tasks / "inner"
    inner.mkdir()
    text = (few_tasks / "tasks.jsonl").read_text(encoding="utf-8")
    text = text.replace("shapes001.png", "../shapes001.png")
    (inner / "tasks.jsonl").write_text(text, encoding="utf-8")
    answer = quality(embedded, "--precision", "fp32", "--tasks", inner)
    assert answer.code == 3
    assert "shapes001.png" in answer.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--precision", "fp17"), "'fp17'"),
        (("--precision", "int8", "--reference", "fp33"), "'fp33'"),
        (("--precision", "int8", "--reference", "paper:fp32"), "'paper'"),
        (("--parts", "smell,text"), "'smell'"),
        (("--parts", "tasks"), "neither text nor images"),
        (("--positions", "1"), "1 positions"),
        (("--tasks", "no-such-folder"), "no-such-folder"),
        (("--max-kl", "-1"), "--max-kl"),
    ],
)
def test_a_bad_option_is_refused_by_name_before_anything_is_loaded(
    quality, embedded, arguments, named
):
    answer = quality(embedded, "--backend", "onnx", *arguments)
    assert answer.code == 2
    assert named in answer.err
    assert "loading" not in answer.err


def test_an_input_longer_than_the_context_is_refused_before_anything_is_loaded(embedded):
    checkpoint = open_checkpoint(embedded)
    text = replace(checkpoint.config.text, context_length=60)
    short = replace(checkpoint, config=replace(checkpoint.config, text=text))
    said = []
    with pytest.raises(BadPrompt, match="context of 60"):
        measure_quality(short, ["int8"], backend="onnx", progress=said.append)
    assert not said


def test_precisions_are_comma_lists_or_mixed_ones_and_may_be_repeated():
    assert parse_precisions(["int8, q4", "vision=int8,decoder=q4", "q4"]) == [
        "int8",
        "q4",
        "vision=int8,decoder=q4",
    ]


def test_help_names_the_exit_code_and_shows_an_example(quality):
    answer = quality("--help")
    assert "Exit code 5" in answer.out
    assert "smolvlm quality embedded" in answer.out
