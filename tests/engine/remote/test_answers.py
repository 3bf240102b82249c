"""Typed answers: what a server is asked to enforce, and what is made of what it sends."""

from __future__ import annotations

import datetime
import json
from enum import Enum
from math import exp, log
from typing import Literal

import pytest
from pydantic import BaseModel, field_validator

from smolvlm_tools import BadOptions, IncompleteAnswer, Rating, SchemaNotSupported, constraints
from smolvlm_tools.errors import RemoteFailed
from tests.support.chat_servers import chat_server, delta, refuses, says, without
from tests.support.requests import HELLO


class Colour(Enum):
    RED, BLUE = "red", "blue"


class Receipt(BaseModel):
    shop: str
    total: float | None

    @field_validator("total")
    @classmethod
    def not_negative(cls, value):
        if value is not None and value < 0:
            raise ValueError("totals are not negative")
        return value


def reply(*pieces, answer, finish="stop", logprobs=True, **options):
    with chat_server(says(*pieces, finish=finish, logprobs=logprobs)) as server:
        with server.engine() as vlm:
            result = vlm.generate(HELLO, answer=answer, **options)
    return result, server.bodies[0].get("response_format")


@pytest.mark.parametrize(
    ("answer", "said", "value", "text"),
    [
        (bool, '{"answer": "yes"}', True, "yes"),
        (Literal["red", "blue"], '{"answer":"blue"}', "blue", "blue"),
        (Colour, '{"answer": "Red"}', Colour.RED, "red"),
        (int, '{"answer": 12}', 12, "12"),
        (float, '{ "answer" : 1.50 }', 1.5, "1.50"),
        (datetime.date, '{"answer": "2024-02-29"}', datetime.date(2024, 2, 29), "2024-02-29"),
        (list[str], "one\n\n two\t2 ", ["one", "two 2"], "one\ntwo 2"),
        (constraints.regex("[A-Z]{2}-[0-9]+"), '{"answer": "AB-12"}', "AB-12", "AB-12"),
        (list[int], '{"answer": [1, 2]}', [1, 2], "[1, 2]"),
        (Receipt, '{"shop": "A", "total": null}', Receipt(shop="A", total=None), None),
        ({"type": "array", "items": {"type": "boolean"}}, '{"answer": [true]}', [True], "[true]"),
    ],
)
def test_a_value_of_each_type(answer, said, value, text):
    result, wish = reply(said, answer=answer)
    assert result.value == value and type(result.value) is type(value)
    assert result.text == (said if text is None else text)
    assert result.flags == () and not result.abstained
    assert (wish is None) is (answer == list[str])
    if wish:
        assert wish["type"] == "json_schema" and wish["json_schema"]["schema"]["type"] == "object"


@pytest.mark.parametrize(
    ("answer", "said", "value"),
    [(bool, " Yes.", True), (Literal["red", "blue"], "**Blue**", "blue"), (int, "12", 12),
     (Receipt, '```json\n{"shop": "A", "total": 3}\n```', Receipt(shop="A", total=3))],
)  # fmt: skip
def test_a_server_that_enforces_nothing_is_found_out(answer, said, value):
    result, _ = reply(said, answer=answer)
    assert result.value == value and result.flags == ("not_enforced",)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (bool, '{"answer": "perhaps"}'),
        (int, '{"answer": "many"}'),
        (int, "There are three."),
        (int, '{"answer": 1e400}'),
        (datetime.date, '{"answer": "2023-02-29"}'),
        (constraints.regex("[A-Z]{2}"), '{"answer": "ab"}'),
        (constraints.integer(1, 9), '{"answer": 10}'),
        (Receipt, '{"shop": "A"}'),
        (Receipt, '{"shop": "A", "total": -1}'),
        (Receipt, '{"shop": "A\\u202e", "total": 1}'),
        (Receipt, '{"shop": "A", "shop": "B", "total": 1}'),
        (list[int], "[" * 30_000),
    ],
)
def test_a_server_is_never_trusted(answer, said):
    result, _ = reply(said, answer=answer)
    assert result.value is None and result.abstained and result.incomplete == "rejected"
    assert "rejected" in result.flags
    with pytest.raises(IncompleteAnswer) as caught:
        reply(said, answer=answer, on_incomplete="raise")
    assert caught.value.result.incomplete == "rejected"


@pytest.mark.parametrize(
    ("answer", "said", "completed"),
    [
        (int, '{"answer": 1', 1),
        (Receipt, '{"shop":"Caf', Receipt(shop="Caf", total=0)),
        (datetime.date, '{"answer": "2024-0', datetime.date(2024, 1, 1)),
        (list[int], '{"answer": [1,2', [1, 2]),
    ],
)
def test_a_cut_answer_has_no_value_unless_it_is_completed(answer, said, completed):
    cut, _ = reply(said, answer=answer, finish="length")
    assert cut.incomplete == "cut" and cut.value is None and cut.confidence == 0
    whole, _ = reply(said, answer=answer, finish="length", on_incomplete="complete")
    assert type(whole.value) is type(completed)
    assert ("completed" in whole.flags) is (answer is not int), "1 is whole as it stands"
    assert whole.value == completed or isinstance(completed, Receipt)


def test_an_answer_that_is_whole_at_the_limit_counts():
    assert reply('{"answer": 12}', answer=int, finish="length")[0].value == 12


def test_a_choice_is_weighed_by_the_tokens_where_it_parts():
    pieces = [
        '{"answer": "',
        ("yes", log(0.6), {"no": log(0.2), "Yes": log(0.1), " maybe": log(0.1)}),
        ('"}', log(0.9), {}),
    ]
    result, _ = reply(*pieces, answer=bool)
    assert result.probabilities == pytest.approx({"yes": 0.7 / 0.9, "no": 0.2 / 0.9})
    assert result.confidence == pytest.approx(0.7 / 0.9)


def test_the_likeliest_option_wins_over_the_one_that_was_said():
    pieces = ['{"answer":', (' "yes"', log(0.3), {' "no"': log(0.6)}), "}"]
    result, _ = reply(*pieces, answer=bool)
    assert result.value is False and result.text == "no"


def test_options_that_begin_alike_are_followed():
    pieces = [
        '{"answer": "',
        ("re", log(0.5), {"blue": log(0.5)}),
        ("d", log(0.8), {"al": -1.7}),
        '"}',
    ]
    result, _ = reply(*pieces, answer=Literal["red", "real", "blue"])
    weights = {"red": 0.4, "real": 0.5 * exp(-1.7), "blue": 0.5}
    total = sum(weights.values())
    assert result.probabilities == pytest.approx({k: v / total for k, v in weights.items()})


def test_a_rating_is_the_mean_of_its_levels():
    pieces = ['{"answer": "', ("2", log(0.5), {"1": log(0.25), "3": log(0.25)}), '"}']
    result, _ = reply(*pieces, answer=Rating(1, 3))
    assert result.value == pytest.approx(2.0) and result.text == "2"


@pytest.mark.parametrize("logprobs", [True, False])
def test_a_rating_without_probabilities_is_refused(logprobs):
    # without logprobs, or where 1 and 10 cannot be told apart by what is listed
    pieces = ['{"answer": "', ("2", log(0.5), {"1": log(0.4)}), '"}']
    with pytest.raises(RemoteFailed, match="probabilities"):
        reply(*(p if isinstance(p, str) else p[0] for p in pieces) if not logprobs else pieces,
              answer=Rating(1, 10), logprobs=logprobs)  # fmt: skip


def test_confidence_of_a_number_is_that_of_its_digits():
    result, _ = reply('{"answer": ', ("1", log(0.5), {}), ("2", log(0.4), {}), "}", answer=int)
    assert result.confidence == pytest.approx(0.2)


def test_confidence_of_fields():
    pieces = ['{"shop": "', ("Ca", log(0.9), {}), ("fé", log(0.4), {}), '", "total": ',
              ("3", log(0.25), {}), "}"]  # fmt: skip
    result, _ = reply(*pieces, answer=Receipt)
    assert result.field_confidence["/total"] == pytest.approx(0.25)
    assert result.field_confidence["/shop"] == pytest.approx((0.5 * 0.9 * 0.4 * 0.5) ** 0.25)
    unsure, _ = reply(*pieces, answer=Receipt, min_field_confidence=0.3)
    assert unsure.value == Receipt(shop="Café", total=None)
    nothing, _ = reply('{"shop": "A", "total": 1}', answer=Receipt, logprobs=False,
                       min_field_confidence=0.3)  # fmt: skip
    assert nothing.incomplete == "unsure", "nothing is known to be above"


def test_a_typed_reply_is_streamed_when_it_is_there():
    with chat_server(says('{"answer"', ': "yes"}')) as server, server.engine() as vlm:
        chunks = list(vlm.stream(HELLO, answer=bool))
    assert [chunk.text for chunk in chunks] == ["yes"]


def test_a_server_that_knows_no_schemas_is_asked_without():
    with chat_server(without("response_format")) as server, server.engine() as vlm:
        result = vlm.generate(HELLO, answer=bool)
        assert result.value is True and "not_enforced" in result.flags
        assert len(server.requests) == 2


def test_a_schema_that_the_server_cannot_enforce():
    refusal = refuses(400, "failed to parse grammar: unsupported pattern")
    with chat_server(refusal) as server, server.engine() as vlm:
        with pytest.raises(SchemaNotSupported, match="unsupported pattern"):
            vlm.generate(HELLO, answer=constraints.regex("a+"))
        with pytest.raises(SchemaNotSupported):
            vlm.generate(HELLO, answer={"$ref": "https://example.org/x.json"})
        with pytest.raises(BadOptions):
            vlm.generate(HELLO, answer=bool, stop="x")


def test_references_lead_to_where_the_schema_is_put():
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    _, wish = reply('{"answer": {}}', answer=tree)
    schema = wish["json_schema"]["schema"]
    inner = schema["properties"]["answer"]
    assert inner["$ref"] == "#/properties/answer/$defs/node"
    assert inner["$defs"]["node"]["additionalProperties"] is False


def test_joined_schemas_stay_open():
    joined = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "anyOf": [{"properties": {"b": {"type": "integer"}}}],
    }
    result, wish = reply('{"a": 1, "b": 2}', answer=joined)
    assert "additionalProperties" not in json.dumps(wish)
    assert result.value == {"a": 1, "b": 2}


def test_options_that_are_not_listed_count_only_if_that_makes_no_difference():
    sure = ['{"answer": "', ("yes", log(0.9), {"yes": log(0.9), "so": log(1e-4)}), '"}']
    assert reply(*sure, answer=bool)[0].probabilities == {"yes": 1.0, "no": 0.0}
    vague = ['{"answer": "', ("yes", log(0.01), {"so": log(0.5), "or": log(0.02)}), '"}']
    result, _ = reply(*vague, answer=bool)
    assert result.value is True and result.probabilities is None
    assert result.confidence < 0.01


def test_white_space_and_halves_of_characters_that_a_server_keeps_to_itself():
    half = {"choices": [{"delta": {}, "logprobs": {"content": [
        {"token": " ", "bytes": [32], "logprob": -1.0}]}}]}  # fmt: skip
    more = {"choices": [{"delta": {}, "logprobs": {"content": [
        {"token": "?", "bytes": [0xC3], "logprob": -1.0}]}}]}  # fmt: skip

    def answer(request):
        request.start()
        for event in (
            half,
            delta('{"answer": "', tokens=[(' {"answer": "', -1.0)]),
            more,
            delta("é", tokens=[]) | {"choices": [{"delta": {"content": "é"}, "logprobs": {
                "content": [{"token": "?", "bytes": [0xA9], "logprob": log(0.25)}]}}]},
            delta('"}', tokens=[('"}', -1.0)]),
            delta(finish="stop"),
        ):  # fmt: skip
            request.event(event)

    with chat_server(answer) as server, server.engine() as vlm:
        result = vlm.generate(HELLO, answer=constraints.regex("[é]"))
    assert result.value == "é" and result.flags == ()
    assert result.confidence == pytest.approx(exp(-3.0) * 0.25), "quotes and both halves"


@pytest.mark.parametrize(
    ("told", "shown"), [("/srv/models/a.gguf", "a.gguf"), ("org/name", "org/name")]
)
def test_a_path_on_the_server_is_not_shown(told, shown):
    def answer(request):
        request.start()
        request.event(delta("a", finish="stop") | {"model": told})

    with chat_server(answer) as server, server.engine() as vlm:
        assert vlm.generate(HELLO).model == shown
