"""`Toolbox.call`: what each tool returns for good arguments, as an agent meets it."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from smolvlm_tools import (
    ImageNotFound,
)
from smolvlm_tools.tools import TOOLS, Toolbox
from tests.support.tool_calls import CALLS, RED_CIRCLE, SHAPES, TOTAL


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


def test_a_plan_expects_the_time_that_calls_have_taken(vlm, tmp_path, monkeypatch):
    Image.effect_noise((300, 200), 50).save(tmp_path / "new.png")
    monkeypatch.chdir(tmp_path)
    toolbox = Toolbox(vlm)
    spent = toolbox.call("describe_image", {"image": "new.png"}).usage
    large = toolbox.call("plan_image", {"images": ["new.png"] * 8}).seconds
    small = toolbox.call("plan_image", {"image": "new.png"})
    assert 0 < small.seconds < large
    assert f"a reply of {spent.completion_tokens} tokens" in small.basis
