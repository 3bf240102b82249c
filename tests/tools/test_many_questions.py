"""`answer_questions`: many answers by name from one look; and ratings, of one question or many."""

from __future__ import annotations

import asyncio
import threading

import pytest
from jsonschema import Draft202012Validator

from smolvlm_tools import Cancelled, SmolVLM
from smolvlm_tools.tools import TOOLS, Toolbox
from smolvlm_tools.tools.replies import whole_usage
from tests.support.cpus import SAME
from tests.support.gated import GatedBackend, check_cancelling_frees_the_engine
from tests.support.requests import Countdown
from tests.support.tool_calls import SHAPES

COUNT = "How many shapes are there?"
QUESTIONS = [
    {"name": "color", "question": "What color is the circle?"},
    {"name": "red", "question": "Is there a red circle?", "answer_type": "yes_no"},
    {"name": "count", "question": COUNT, "answer_type": "integer"},
    {"name": "price", "question": "What is the price?", "answer_type": "number"},
    {"name": "day", "question": "When was it?", "answer_type": "date"},
    {"name": "pick", "question": "What color is the circle?", "choices": ["red", "blue"]},
    {"name": "size", "question": COUNT, "answer_type": "rating"},
    {"name": "ten", "question": COUNT, "levels": [0, 10]},
    {
        "name": "mood",
        "question": "How is it?",
        "answer_type": "rating",
        "choices": ["poor", "fair", "good"],
    },
]
ALL = {"image": SHAPES, "questions": QUESTIONS}


def test_each_question_is_answered_under_its_name_as_answer_question_would(toolbox):
    output = toolbox.call("answer_questions", ALL).model_dump(mode="json")
    Draft202012Validator(TOOLS["answer_questions"].output_schema()).validate(output)
    assert list(output["answers"]) == [question["name"] for question in QUESTIONS]
    for question in QUESTIONS:
        single = {name: value for name, value in question.items() if name != "name"}
        alone = toolbox.call("answer_question", {"image": SHAPES, **single}).model_dump(mode="json")
        answer = output["answers"][question["name"]]
        assert set(answer) <= set(alone)
        for name in ("text", "abstained", "finish_reason", "flags"):
            assert answer[name] == alone[name]
        assert answer["value"] == pytest.approx(alone["value"], abs=SAME)
        assert answer.get("probabilities") == pytest.approx(alone.get("probabilities"), abs=SAME)
    assert output["content_origin"] == "image"
    assert len(output["images"]) == 1


def test_a_rating_is_the_expected_level(toolbox):
    answers = toolbox.call("answer_questions", ALL).answers
    for name, levels in {"size": range(1, 6), "ten": range(11)}.items():
        shares = answers[name].probabilities
        assert list(shares) == [str(level) for level in levels]
        expected = sum(int(level) * share for level, share in shares.items())
        assert answers[name].value == pytest.approx(expected)
    shares = answers["mood"].probabilities
    assert answers["mood"].value == pytest.approx(
        shares["poor"] + 2 * shares["fair"] + 3 * shares["good"]
    )


def test_the_image_is_paid_for_once(embedded):
    with Toolbox.load("embedded", cache=False) as toolbox:
        one = toolbox.call("answer_questions", {**ALL, "questions": QUESTIONS[:1]}).usage
        many = toolbox.call("answer_questions", ALL).usage
    assert many.tiles == one.tiles
    assert one.prompt_tokens < many.prompt_tokens < 2 * one.prompt_tokens
    assert many.completion_tokens > one.completion_tokens


@pytest.mark.parametrize("reader", [0, 1, 2])
def test_what_is_common_is_counted_once_whichever_question_was_prepared_first(embedded, reader):
    with SmolVLM.load(embedded) as vlm:
        result = vlm.ask(SHAPES, "Is there a circle?", answer=bool)
    usages = [
        result.usage.model_copy(
            update={"prompt_tokens": 100 + at, "cached_tokens": 0 if at == reader else 90}
        )
        for at in range(3)
    ]
    results = [result.model_copy(update={"usage": usage}) for usage in usages]
    assert whole_usage(results).prompt_tokens == 100 + 101 + 102 - 2 * 90


def test_what_is_common_holds_for_every_question(toolbox):
    output = toolbox.call(
        "answer_questions", {**ALL, "min_confidence": 1.0, "context": "A child's drawing."}
    )
    held = [answer for answer in output.answers.values() if answer.abstained]
    assert held
    assert all((answer.value, answer.text) == (None, "") for answer in held)
    Draft202012Validator(TOOLS["answer_questions"].output_schema()).validate(
        output.model_dump(mode="json")
    )


def test_progress_is_that_of_one_call(embedded):
    seen = []
    with Toolbox.load("embedded", cache=False) as toolbox:
        toolbox.call("answer_questions", ALL, on_progress=seen.append)
    assert [each.stage for each in seen[:3]] == ["load", "load", "preprocess"]
    read = [each.done for each in seen if each.stage == "prefill"]
    assert read == list(range(len(QUESTIONS) + 1))
    said = [each.done for each in seen if each.stage == "decode"]
    assert said == sorted(said)


@pytest.mark.parametrize("moment", [1, 5, 12])
def test_an_event_ends_the_whole_call(toolbox, moment):
    with pytest.raises(Cancelled):
        toolbox.call("answer_questions", ALL, cancel=Countdown(moment))
    assert toolbox.call("answer_questions", ALL).answers["red"].value is True


def test_cancelling_the_task_frees_the_engine(checkpoint):
    backend = GatedBackend.saying(checkpoint, " one two three four five")
    with SmolVLM(checkpoint, backend, batch_size=2) as vlm:
        toolbox = Toolbox(vlm)
        check_cancelling_frees_the_engine(
            backend, vlm, lambda: toolbox.acall("answer_questions", ALL), decoded=2
        )


def test_a_loop_gets_the_same(toolbox):
    here = toolbox.call("answer_questions", ALL)
    there = asyncio.run(toolbox.acall("answer_questions", ALL, cancel=threading.Event()))
    assert [answer.text for answer in there.answers.values()] == [
        answer.text for answer in here.answers.values()
    ]
