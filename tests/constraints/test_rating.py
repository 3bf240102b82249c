"""A rating's value is the expected level of the model's own distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_tools import BadOptions, Rating, SmolVLM
from smolvlm_tools.decoding.sampling import log_softmax
from smolvlm_tools.prompt.chat import encode_text
from smolvlm_tools.prompt.messages import parse_messages
from tests.support.paths import SHAPES
from tests.support.requests import asking

QUESTION = "How many shapes are there?"
STARS = {"poor": 1, "fair": 2.5, "good": 5}


@pytest.fixture(scope="module", params=["onnx", "torch"])
def vlm(request, embedded):
    with SmolVLM.load(embedded, backend=request.param, precision="fp32") as engine:
        yield engine


@pytest.mark.parametrize(
    ("rating", "numbers"),
    [
        (Rating(1, 5), {str(level): level for level in range(1, 6)}),
        (Rating(0, 10), {str(level): level for level in range(11)}),
        (Rating(-2, 2), {str(level): level for level in range(-2, 3)}),
        (Rating(levels=["poor", "fair", "good"]), {"poor": 1, "fair": 2, "good": 3}),
        (Rating(levels=("poor", "good")), {"poor": 1, "good": 2}),
        (Rating(levels=STARS), STARS),
    ],
)
def test_the_value_is_the_sum_of_probability_times_level(vlm, rating, numbers):
    result = vlm.ask(SHAPES, QUESTION, answer=rating)
    assert list(result.probabilities) == list(numbers)
    assert sum(result.probabilities.values()) == pytest.approx(1)
    expected = sum(p * numbers[level] for level, p in result.probabilities.items())
    assert result.value == pytest.approx(expected)
    assert isinstance(result.value, float)
    assert min(numbers.values()) <= result.value <= max(numbers.values())
    assert result.text == max(result.probabilities, key=result.probabilities.get)
    assert result.confidence == result.probabilities[result.text]
    assert rating.numbers == numbers


def test_the_likeliest_level_is_what_is_there(vlm):
    result = vlm.ask(SHAPES, QUESTION, answer=Rating(1, 5))
    assert result.text == "3"
    assert result.value == pytest.approx(3, abs=0.5)


def test_levels_of_several_tokens_are_weighed_to_their_ends(vlm):
    """One level is the beginning of another: 1 and 10."""
    messages = asking("How many?")
    result = vlm.generate(messages, answer=Rating(1, 10))
    layouter, backend = vlm._pipeline.layouter, vlm._pipeline.backend
    prompt = layouter.chat.build(parse_messages(messages), ()).token_ids

    def logprobs(*said: int) -> np.ndarray:
        cache = backend.create_cache(len(prompt) + len(said))
        return log_softmax(backend.forward(np.array([*prompt, *said], dtype=np.int64), cache))

    ways = {str(level): encode_text(layouter.tokenizer, f" {level}") for level in range(1, 11)}
    assert ways["10"][: len(ways["1"])] == ways["1"] and len(ways["10"]) > len(ways["1"])
    scores = {
        level: sum(logprobs(*path[:index])[token] for index, token in enumerate(path))
        for level, path in ways.items()
    }
    after_one = ways["10"][len(ways["1"])]
    scores["1"] += math.log(1 - math.exp(logprobs(*ways["1"])[after_one]))
    total = sum(map(math.exp, scores.values()))
    brute = {level: math.exp(score) / total for level, score in scores.items()}
    assert result.probabilities == pytest.approx(brute, abs=1e-4)
    expected = sum(int(level) * share for level, share in brute.items())
    assert result.value == pytest.approx(expected, abs=1e-3)


def test_it_works_wherever_an_answer_does(vlm):
    rating = Rating(1, 5)
    alone = vlm.ask(SHAPES, QUESTION, answer=rating)
    many = vlm.ask_many(SHAPES, {"a": "What is this?"}, answer=rating)["a"]
    assert many.text in alone.probabilities and isinstance(many.value, float)
    [batched] = vlm.batch([asking(SHAPES, QUESTION)], answer=rating)
    *_, last = vlm.stream(asking(SHAPES, QUESTION), answer=rating)
    for result in (batched, last.result):
        assert result.value == pytest.approx(alone.value, abs=1e-4)
        assert result.text == alone.text


def test_an_unsure_rating_is_held_back_with_its_distribution(vlm):
    held = vlm.ask(SHAPES, "Is it good?", answer=Rating(1, 5), min_confidence=1.0)
    assert (held.abstained, held.value) == (True, None)
    assert len(held.probabilities) == 5


def test_equal_ratings_are_equal():
    assert Rating(1, 5) == Rating(1, 5) != Rating(1, 4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "from None to None"),
        ({"low": 1}, "whole numbers"),
        ({"low": 5, "high": 1}, "from 5 to 1 has no levels"),
        ({"low": 3, "high": 3}, "from 3 to 3 has no levels"),
        ({"low": 1, "high": 65}, "65 levels"),
        ({"low": 0, "high": 10**30}, "levels cannot be"),
        ({"low": 10**400, "high": 10**400 + 2}, "counts as"),
        ({"low": 1.0, "high": 5}, "whole numbers"),
        ({"low": True, "high": 5}, "whole numbers"),
        ({"low": "1", "high": "5"}, "whole numbers"),
        ({"low": 1, "high": 5, "levels": ["a", "b"]}, "both bounds and levels"),
        ({"levels": ["a"]}, "1 levels"),
        ({"levels": []}, "0 levels"),
        ({"levels": [f"l{number}" for number in range(65)]}, "65 levels"),
        ({"levels": "good"}, "not texts"),
        ({"levels": 5}, "not texts"),
        ({"levels": ["a", "a"]}, "given twice"),
        ({"levels": ["a", " b"]}, "cannot be a choice"),
        ({"levels": ["a", 2]}, "not text"),
        ({"levels": {"a": 1, "b": "2"}}, "'b' counts as '2'"),
        ({"levels": {"a": 1, "b": math.inf}}, "'b' counts as inf"),
        ({"levels": {"a": 1, "b": math.nan}}, "'b' counts as nan"),
        ({"levels": {"a": 1, "b": True}}, "'b' counts as True"),
    ],
)
def test_a_scale_that_is_none_is_refused(arguments, said):
    with pytest.raises(BadOptions, match=said):
        Rating(**arguments)
