"""Typed questions at a resolution, and tools about files that were sent."""

from __future__ import annotations

import pytest

from tests.support.paths import SHAPES
from tests.support.serve_clients import DATA, openai_client, post


@pytest.fixture(scope="module")
def shapes(url):
    with openai_client(url) as client:
        return client.files.create(file=SHAPES, purpose="vision").id


def ask(url, **body):
    return post(url, "/v1/answer", {"image": DATA, "question": "Is there a circle?", **body})


def test_a_tool_takes_a_file_by_its_id(url, shapes):
    given = {"image": shapes, "question": "Is there a circle?", "answer_type": "yes_no"}
    reply = post(url, "/v1/tools/answer_question", given)
    assert reply.status_code == 200, reply.text
    assert reply.json()["value"] is True


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ({"answer_type": "yes_no"}, True),
        ({"question": "How many shapes are there?", "answer_type": "integer"}, 3),
        ({"question": "How many shapes are there?", "answer_type": "number"}, 3.0),
        ({"question": "What color is the circle?", "choices": ["green", "red"]}, "red"),
        ({"question": "What color is the circle?"}, "red"),
    ],
)
def test_an_answer_has_the_type_that_was_asked_for(url, asked, value):
    reply = ask(url, **asked).json()
    assert reply["value"] == value
    assert type(reply["value"]) is type(value)


def test_an_answer_tells_the_probability_of_every_option_and_token(url):
    reply = ask(url, answer_type="yes_no").json()
    assert sum(reply["smolvlm"]["probabilities"].values()) == pytest.approx(1)
    rating = ask(url, answer_type="rating").json()
    assert [*rating["smolvlm"]["probabilities"]] == ["1", "2", "3", "4", "5"]
    free = ask(url).json()
    assert free["logprobs"]["content"][0]["token"].strip()


def test_an_answer_is_given_at_the_resolution_that_was_asked_for(url):
    tiles = [ask(url, resolution=each).json()["smolvlm"]["tiles"] for each in (1, "native")]
    assert tiles == [1, 5]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"answer_type": "mood"}, "answer_type"),
        ({"answer_type": "yes_no", "choices": ["a", "b"]}, "choices"),
        ({"answer_type": "choice"}, "choices"),
        ({"choices": ["a", "a"]}, "choice is given twice"),
        ({"page": 2}, "page"),
        ({"resolution": 0}, "resolution"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(url, wrong, named):
    reply = ask(url, **wrong)
    assert reply.status_code == 400
    assert named in reply.json()["error"]["message"]
