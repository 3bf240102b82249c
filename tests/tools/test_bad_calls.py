"""`Toolbox.call`: arguments that do not fit, and images and models that cannot be had."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from smolvlm_tools import (
    BadArguments,
    BadOptions,
    BadPrompt,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    InputError,
    ModelNotFound,
    PathNotAllowed,
    SchemaNotSupported,
    UnknownTool,
)
from smolvlm_tools.checkpoint.manifest import MANIFEST
from smolvlm_tools.tools import ImageStore, Toolbox, agent_policy
from tests.support.tool_calls import RED_CIRCLE, SHAPES

A = {"name": "a", "question": "What is this?"}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("describe_image", {}, "give image or images, exactly one of the two; neither is there"),
        ("describe_image", {"image": "a", "images": ["b"]}, "exactly one .* both"),
        ("describe_image", {"images": []}, "'images'.*at least 1 item.*an array of 0"),
        ("describe_image", {"images": ["a"] * 9}, "at most 8 items.*an array of 9"),
        ("describe_image", {"image": 5}, "'image'.*valid string.*a number"),
        ("describe_image", {"image": ["a"]}, "'image'.*valid string.*an array of 1"),
        ("describe_image", {"image": "a", "detail": "high"}, "'brief', 'normal' or 'detailed'"),
        ("describe_image", {"image": "a", "imge": "b"}, "unknown argument 'imge'"),
        ("describe_image", {"image": "a", "max_new_tokens": 10**9}, "'max_new_tokens'.*4096"),
        ("describe_image", {"image": "a", "min_confidence": "high"}, "'min_confidence'.*a text of"),
        ("answer_question", {"image": "a"}, "'question' is missing.*question: string .required"),
        ("answer_question", {"image": "a", "question": " "}, "question is blank"),
        ("answer_question", {**RED_CIRCLE, "answer_type": "choice"}, "needs choices"),
        (
            "answer_question",
            {**RED_CIRCLE, "answer_type": "date", "choices": ["a", "b"]},
            "choices",
        ),
        ("answer_question", {**RED_CIRCLE, "choices": ["a", "a"]}, "name an answer twice"),
        (
            "answer_question",
            {**RED_CIRCLE, "levels": [1, 5], "answer_type": "date"},
            "levels do not go with answer_type date",
        ),
        ("answer_question", {**RED_CIRCLE, "levels": [5, 1]}, "from 5 to 1 has no levels"),
        ("answer_question", {**RED_CIRCLE, "levels": [0, 64]}, "65 levels"),
        ("answer_question", {**RED_CIRCLE, "levels": [1]}, "at least 2 items"),
        ("answer_question", {**RED_CIRCLE, "levels": [1, 2.5]}, "'levels.1'.*valid integer"),
        (
            "answer_question",
            {**RED_CIRCLE, "levels": [1, 2], "choices": ["a", "b"]},
            "both bounds and levels",
        ),
        ("answer_questions", {"image": "a"}, "'questions' is missing"),
        ("answer_questions", {"image": "a", "questions": []}, "at least 1 item"),
        ("answer_questions", {"image": "a", "questions": [A] * 33}, "at most 32 items"),
        ("answer_questions", {"image": "a", "questions": [A, A]}, "the same name"),
        ("answer_questions", {"image": "a", "questions": [A | {"name": " "}]}, "is blank"),
        (
            "answer_questions",
            {"image": "a", "questions": [A, A | {"name": "b", "question": " "}]},
            "'questions.1': question is blank",
        ),
        (
            "answer_questions",
            {"image": "a", "questions": [A | {"answer_type": "choice"}]},
            "'questions.0': answer_type choice needs choices",
        ),
        (
            "answer_questions",
            {"image": "a", "questions": [A | {"colour": "red"}]},
            "unknown argument 'questions.0.colour'",
        ),
        ("compare_images", {"images": ["a"]}, "give two or more images"),
        ("extract_fields", {"image": "a"}, "'schema' is missing"),
        ("extract_fields", {"image": "a", "schema": "{"}, "'schema'.*not JSON"),
        ("extract_fields", {"image": "a", "schema": [1]}, "'schema'.*an array of 1"),
        ("load_image", "[1]", "the arguments are an array of 1, not an object"),
        ("load_image", "{", "text that is not JSON"),
        ("load_image", None, "the arguments are null"),
    ],
)
def test_arguments_that_do_not_fit_are_named_with_what_is_allowed(toolbox, name, arguments, said):
    with pytest.raises(BadArguments, match=said) as caught:
        toolbox.call(name, arguments)
    assert f"{name} takes image" in caught.value.remedy


def test_an_error_about_arguments_does_not_repeat_them(toolbox):
    secret = "A" * 1_000_000
    with pytest.raises(BadArguments) as caught:
        toolbox.call("describe_image", {"image": [secret], secret: secret, "detail": secret})
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("name", ["describe", "", None, 5, ["describe_image"], "x" * 1000])
def test_an_unknown_tool_is_answered_with_the_tools_there_are(toolbox, name):
    with pytest.raises(UnknownTool, match=r"Tools are describe_image, .*load_image") as caught:
        toolbox.call(name, {})
    assert len(caught.value.reason) < 100


def test_a_schema_that_cannot_be_enforced_is_refused_with_its_keyword(toolbox):
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "file:///etc/passwd"}},
        "required": ["a"],
    }
    with pytest.raises(SchemaNotSupported) as caught:
        toolbox.call("extract_fields", {"image": SHAPES, "schema": schema})
    assert caught.value.keyword == "$ref"


# Images that cannot be had


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ("/etc/passwd", PathNotAllowed),
        ("../outside.png", PathNotAllowed),
        ("nothing.png", ImageNotFound),
        ("broken.png", CorruptImage),
        ("http://127.0.0.1:9/a.png", InputError),
        ("data:image/png;base64,AAAA", InputError),
        ("img:feedfeedfeedfeed", ImageNotFound),
    ],
)
def test_an_error_names_no_path_that_the_caller_did_not_write(
    vlm, tmp_path, monkeypatch, image, error
):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    monkeypatch.chdir(tmp_path)
    toolbox = Toolbox(vlm, policy=agent_policy())
    with pytest.raises(error) as caught:
        toolbox.call("describe_image", {"image": image})
    assert str(tmp_path) not in str(caught.value)
    assert image[:20] in str(caught.value) or image.startswith("data:")


def test_a_model_that_cannot_be_loaded_is_said_without_its_place(tmp_path):
    toolbox = Toolbox.load(tmp_path / "no-model")
    for name in ("describe_image", "plan_image"):
        with pytest.raises(ModelNotFound) as caught:
            toolbox.call(name, {"image": SHAPES})
        assert str(tmp_path) not in str(caught.value)
    loaded = toolbox.call("load_image", {"image": SHAPES})
    assert loaded.tiles is None and loaded.note and str(tmp_path) not in loaded.note


def test_images_that_fill_the_context_are_refused_and_only_loading_them_says_why(
    checkpoint, tmp_path
):
    folder = tmp_path / "short"
    ignore = shutil.ignore_patterns(MANIFEST)
    shutil.copytree(checkpoint.folder, folder, copy_function=os.symlink, ignore=ignore)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 100
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    with Toolbox.load(folder) as toolbox:
        for name in ("plan_image", "describe_image", "plan_image"):
            with pytest.raises(BadPrompt, match="tokens long and the model's context 100"):
                toolbox.call(name, {"image": SHAPES})
        loaded = toolbox.call("load_image", {"image": SHAPES})
    assert loaded.tokens is None and "context 100" in loaded.note


def test_policy_and_store_are_not_given_together(vlm):
    with pytest.raises(BadOptions, match="both policy and store"):
        Toolbox(vlm, policy=ImagePolicy(), store=ImageStore())
