"""`Toolbox.call`: arguments, images, loading, results and errors, as an agent meets them."""

from __future__ import annotations

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from smolvlm_tools import (
    BadArguments,
    BadOptions,
    BadPrompt,
    Cancelled,
    Closed,
    CorruptImage,
    ImageNotFound,
    ImagePolicy,
    InputError,
    ModelNotFound,
    PathNotAllowed,
    SchemaNotSupported,
    SmolVLM,
    UnknownTool,
    open_checkpoint,
)
from smolvlm_tools.backends.fake import FakeBackend
from smolvlm_tools.tools import TOOLS, ImageStore, Toolbox, agent_policy
from tests.support.tool_calls import CALLS, RED_CIRCLE, SHAPES, TOTAL


@pytest.fixture(scope="module")
def vlm(embedded):
    with SmolVLM.load("embedded", backend="onnx", precision="fp32") as vlm:
        yield vlm


@pytest.fixture
def toolbox(vlm):
    """Its images are those of the test alone."""
    return Toolbox(vlm)


def saying(checkpoint, text, **options):
    return SmolVLM(checkpoint, FakeBackend.saying(checkpoint, text), **options)


@pytest.fixture(scope="module")
def checkpoint(embedded):
    return open_checkpoint("embedded")


# Results


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_returns_what_its_output_schema_says(toolbox, name):
    output = toolbox.call(name, CALLS[name])
    assert isinstance(output, TOOLS[name].output)
    dumped = json.loads(output.model_dump_json())
    assert dumped == output.model_dump(mode="json")
    Draft202012Validator(TOOLS[name].output_schema()).validate(dumped)
    Draft202012Validator(TOOLS[name].input_schema()).validate(CALLS[name])


def test_a_result_has_the_answer_its_worth_and_a_handle_and_no_pixels(toolbox):
    output = toolbox.call("answer_question", RED_CIRCLE).model_dump(mode="json")
    assert output["value"] == output["text"] == "red" and not output["abstained"]
    assert 0 < output["confidence"] <= 1 and output["flags"] == []
    assert output["content_origin"] == "image"
    (image,) = output["images"]
    assert image["handle"] == f"img:{image['sha256'][:16]}"
    assert (image["width"], image["height"]) == (320, 240)
    assert output["usage"]["tiles"] == 5 and output["usage"]["seconds"] > 0
    assert len(json.dumps(output)) < 900
    assert list(output)[:2] == ["text", "value"]


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ({"question": "Is there a red circle?", "answer_type": "yes_no"}, True),
        ({"question": "How many shapes are there?", "answer_type": "integer"}, 3),
        ({"answer_type": "choice", "choices": ["red", "blue"]}, "red"),
        ({"choices": ["red", "blue"]}, "red"),
        ({"answer_type": "text"}, "red"),
        ({"answer_type": "list"}, ["red"]),
    ],
    ids=["yes_no", "integer", "choice", "choices alone", "text", "list"],
)
def test_an_answer_has_the_type_that_was_asked_for(toolbox, more, value):
    output = toolbox.call("answer_question", {**RED_CIRCLE, **more})
    assert output.value == value and type(output.value) is type(value)


@pytest.mark.parametrize(("kind", "type_"), [("number", float), ("date", str)])
def test_numbers_and_dates_are_json_data(toolbox, kind, type_):
    output = toolbox.call("answer_question", {**RED_CIRCLE, "answer_type": kind})
    assert isinstance(output.model_dump(mode="json")["value"], type_)


def test_the_options_of_a_choice_have_probabilities(toolbox):
    chosen = toolbox.call("answer_question", {**RED_CIRCLE, "choices": ["red", "blue", "green"]})
    assert set(chosen.probabilities) == {"red", "blue", "green"}
    assert sum(chosen.probabilities.values()) == pytest.approx(1)
    free = toolbox.call("answer_question", RED_CIRCLE)
    assert "probabilities" not in free.model_dump()


def test_extracted_fields_fit_the_schema_and_each_has_a_confidence(toolbox):
    output = toolbox.call("extract_fields", {"image": SHAPES, "schema": TOTAL})
    Draft202012Validator(TOTAL).validate(output.value)
    assert set(output.field_confidence) == {"/color", "/count"}
    as_text = toolbox.call("extract_fields", {"image": SHAPES, "schema": json.dumps(TOTAL)})
    assert as_text.value == output.value


@pytest.mark.parametrize("name", ["describe_image", "answer_question", "transcribe_image"])
def test_below_min_confidence_words_and_value_are_held_back(toolbox, name):
    output = toolbox.call(name, {**CALLS[name], "min_confidence": 1.0})
    assert output.abstained and output.text == ""
    assert output.model_dump().get("value") is None
    Draft202012Validator(TOOLS[name].output_schema()).validate(output.model_dump(mode="json"))


def test_a_blank_image_is_flagged(toolbox, tmp_path, monkeypatch):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "blank.png")
    monkeypatch.chdir(tmp_path)
    toolbox = Toolbox(toolbox.loaded)
    assert toolbox.call("load_image", {"image": "blank.png"}).is_blank
    output = toolbox.call("describe_image", {"image": "blank.png", "max_new_tokens": 8})
    assert "blank_image" in output.flags


def test_several_images_are_seen_together_and_context_is_read(toolbox):
    one = toolbox.call("answer_question", RED_CIRCLE)
    two = toolbox.call(
        "answer_question",
        {
            "images": [SHAPES, one.images[0].handle],
            "question": "What color is the circle?",
            "context": "A child's drawing.",
        },
    )
    assert two.usage.tiles == 2 * one.usage.tiles
    assert [image.handle for image in two.images] == [one.images[0].handle] * 2
    assert two.usage.prompt_tokens > 2 * one.usage.prompt_tokens - 30


def test_a_handle_stands_for_the_image_in_every_tool(toolbox):
    handle = toolbox.call("load_image", {"image": SHAPES}).handle
    for name, arguments in CALLS.items():
        given = {"images": [handle] * 2} if "images" in arguments else {"image": handle}
        assert toolbox.call(name, {**arguments, **given})
    with pytest.raises(ImageNotFound, match="Call load_image again"):
        Toolbox(toolbox.loaded).call("describe_image", {"image": handle})


def test_null_means_left_out_because_strict_clients_send_every_argument(toolbox):
    arguments = dict.fromkeys(TOOLS["answer_question"].input_schema()["properties"])
    assert toolbox.call("answer_question", {**arguments, **RED_CIRCLE}).value == "red"


def test_arguments_may_be_json_text_as_openai_sends_them(toolbox):
    assert toolbox.call("answer_question", json.dumps(RED_CIRCLE)).value == "red"


# Arguments that do not fit


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
        ("compare_images", {"images": ["a"]}, "at least 2 items"),
        ("extract_fields", {"image": "a"}, "'schema' is missing"),
        ("extract_fields", {"image": "a", "schema": "{"}, "'schema'.*no JSON"),
        ("extract_fields", {"image": "a", "schema": [1]}, "'schema'.*an array of 1"),
        ("load_image", "[1]", "the arguments are an array of 1, not an object"),
        ("load_image", "{", "text that is no JSON"),
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
    schema = {"type": "object", "properties": {"a": {"not": {"type": "string"}}}, "required": ["a"]}
    with pytest.raises(SchemaNotSupported) as caught:
        toolbox.call("extract_fields", {"image": SHAPES, "schema": schema})
    assert caught.value.keyword == "not"


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
    shutil.copytree(checkpoint.folder, folder, copy_function=os.symlink)
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


# Loading


def test_loading_and_planning_need_no_weights(embedded, monkeypatch):
    monkeypatch.setattr(SmolVLM, "load", lambda *a, **k: pytest.fail("the weights were loaded"))
    with Toolbox.load("embedded") as toolbox:
        loaded = toolbox.call("load_image", {"image": SHAPES})
        plan = toolbox.call("plan_image", {"image": loaded.handle})
    assert (loaded.tiles, loaded.tokens) == (5, plan.images[0].tokens)
    assert plan.predicted_bytes > 10_000_000 and toolbox.loaded is None
    assert "seconds" not in plan.model_dump() and "Unknown until" in plan.basis


def test_a_plan_says_the_same_before_and_after_loading(vlm, toolbox):
    with Toolbox.load("embedded", backend="onnx", precision="fp32") as unloaded:
        for task in ("describe", "ask", "transcribe"):
            arguments = {"image": SHAPES, "task": task}
            before = unloaded.call("plan_image", arguments).model_dump()
            after = toolbox.call("plan_image", arguments).model_dump()
            del before["predicted_bytes"], after["predicted_bytes"]
            assert before == after


def test_the_first_call_loads_the_model_and_tells_so(embedded, checkpoint):
    told = []
    toolbox = Toolbox(lambda: saying(checkpoint, " a shape"))
    assert toolbox.loaded is None
    toolbox.call("describe_image", {"image": SHAPES}, on_progress=told.append)
    stages = [(event.stage, event.done, event.total) for event in told]
    assert stages[:2] == [("load", 0, 1), ("load", 1, 1)]
    assert {"vision", "decode"} <= {stage for stage, _, _ in stages}
    told.clear()
    toolbox.call("describe_image", {"image": SHAPES}, on_progress=told.append)
    assert told and "load" not in {event.stage for event in told}
    toolbox.close()


def test_first_calls_from_many_threads_load_once(checkpoint):
    loads = []
    started, go = threading.Event(), threading.Event()

    def load():
        loads.append(1)
        started.set()
        assert go.wait(20)
        return saying(checkpoint, " a shape")

    with Toolbox(load) as toolbox, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(toolbox.call, "describe_image", {"image": SHAPES}) for _ in range(4)]
        assert started.wait(20)
        go.set()
        assert {call.result().text for call in calls} == {"a shape"}
    assert len(loads) == 1


def test_a_failed_load_is_told_and_tried_again(checkpoint):
    tries = []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise ModelNotFound("no model in '/secret/models'", "Get one.")
        return saying(checkpoint, " a shape")

    with Toolbox(load) as toolbox:
        with pytest.raises(ModelNotFound) as caught:
            toolbox.call("describe_image", {"image": SHAPES})
        assert "secret" not in str(caught.value) and caught.value.code == "model_not_found"
        assert "secret" in str(caught.value.__cause__)
        assert toolbox.call("describe_image", {"image": SHAPES}).text == "a shape"


def test_closing_ends_an_engine_that_the_toolbox_loaded_and_no_other(checkpoint):
    toolbox = Toolbox(lambda: saying(checkpoint, " a shape"))
    toolbox.call("describe_image", {"image": SHAPES})
    engine = toolbox.loaded
    toolbox.close()
    with pytest.raises(Closed):
        toolbox.call("describe_image", {"image": SHAPES})
    with pytest.raises(Closed):
        engine.describe(SHAPES)
    mine = saying(checkpoint, " a shape")
    with Toolbox(mine):
        pass
    assert mine.describe(SHAPES).text == "a shape"
    mine.close()


def test_a_set_event_cancels_a_call(toolbox):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        toolbox.call("describe_image", {"image": SHAPES}, cancel=cancel)


# Time


def test_a_plan_expects_the_time_that_calls_have_taken(vlm, tmp_path, monkeypatch):
    Image.effect_noise((300, 200), 50).save(tmp_path / "new.png")
    monkeypatch.chdir(tmp_path)
    toolbox = Toolbox(vlm)
    spent = toolbox.call("describe_image", {"image": "new.png"}).usage
    large = toolbox.call("plan_image", {"images": ["new.png"] * 8}).seconds
    small = toolbox.call("plan_image", {"image": "new.png"})
    assert 0 < small.seconds < large
    assert f"a reply of {spent.completion_tokens} tokens" in small.basis
